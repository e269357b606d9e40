"""What a journal holds after a cursor is read once and in order; what is missing or damaged is named, never passed by."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

import pytest
from importing_rig import Machine, MemorySink, imported

from treadctl.core.messages import RequestKind
from treadctl.core.session import SessionState
from treadctl.errors import TreadctlError
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions, read_batches
from treadctl.journal._appender import Appender
from treadctl.journal._batch import Batch, event_record
from treadctl.journal._format import BATCH, PREFIX, Kinds
from treadctl.journal._nodes import varint
from treadctl.journal.core_schema import core_schema
from treadctl.journal.reader import Place
from treadctl.journal.schema import Schema
from treadctl.journal.storage import DiskStorage
from treadctl.records.importing import START, Assembler, Cursor, Gap, Importer, read_since
from treadctl.records.importing.cursor import parse
from treadctl.records.importing.reader import Chunk, Hole
from treadctl.records.importing.where import where_of
from treadctl.records.model import Outcome

Journals = dict[str, Path]


def numbers(found: Iterable[Chunk | Hole]) -> list[int]:
    return [item.place.batch.header.sequence for item in found if isinstance(item, Chunk)]


def holes(found: Iterable[Chunk | Hole]) -> list[Gap]:
    return [item.gap for item in found if isinstance(item, Hole)]


def copied(journal: Path, target: Path) -> list[Path]:
    for path in sorted(journal.glob("*.tcj")):
        (target / path.name).write_bytes(path.read_bytes())
    return sorted(target.glob("*.tcj"))


@pytest.mark.parametrize("name", ["completed", "rotated", "cut_and_begun_again"])
def test_reading_in_one_go_gives_all_sound_batches(journals: Journals, name: str) -> None:
    sound = [place.batch.header.sequence for place in read_batches(journals[name]) if isinstance(place, Place)]
    assert numbers(read_since(journals[name], START)) == sound == list(range(len(sound)))


def test_after_each_cursor_come_exactly_the_later_batches(journals: Journals) -> None:
    found = list(read_since(journals["rotated"], START))
    for index, item in enumerate(found):
        assert numbers(read_since(journals["rotated"], item.after)) == numbers(found[index + 1 :])


def test_a_tail_torn_at_any_byte_is_waited_for(journals: Journals, tmp_path: Path) -> None:
    (path,) = journals["completed"].glob("*.tcj")
    data = path.read_bytes()
    last = max(numbers(read_since(journals["completed"], START)))
    for cut in range(1, 120, 7):
        (tmp_path / path.name).write_bytes(data[:-cut])
        found = list(read_since(tmp_path, START))
        assert (max(numbers(found)) < last, holes(found)) == (True, [])


def test_a_torn_tail_is_named_once_nobody_writes_any_more(journals: Journals, tmp_path: Path) -> None:
    (path,) = copied(journals["completed"], tmp_path)
    path.write_bytes(path.read_bytes()[:-50])
    (gap,) = holes(read_since(tmp_path, START, closing=True))
    assert gap.error == "journal_cut"


def test_damage_is_named_and_reading_goes_on_behind_it(journals: Journals, tmp_path: Path) -> None:
    paths = copied(journals["rotated"], tmp_path)
    data = bytearray(paths[1].read_bytes())
    data[-300] ^= 1
    paths[1].write_bytes(data)
    found = list(read_since(tmp_path, START))
    whole = numbers(read_since(journals["rotated"], START))
    (gap,) = holes(found)
    missing = set(whole) - set(numbers(found))
    assert gap.error == "journal_altered"
    assert gap.place.startswith("00000002.tcj > byte ")
    assert gap.sentence.endswith(f"{len(missing)} batches are lost")
    assert missing == set(range(min(missing), max(missing) + 1))


def test_damage_at_the_end_waits_until_something_follows(journals: Journals, tmp_path: Path) -> None:
    paths = copied(journals["rotated"], tmp_path)
    for path in paths[2:]:
        path.unlink()
    data = bytearray(paths[1].read_bytes())
    data[-300] ^= 1
    paths[1].write_bytes(data)
    assert holes(read_since(tmp_path, START)) == []
    (gap,) = holes(read_since(tmp_path, START, closing=True))
    assert gap.error == "journal_altered"


def test_a_session_damaged_in_the_middle_is_one_session_that_says_so(journals: Journals, tmp_path: Path) -> None:
    whole = imported(journals["rotated"]).sessions[0]
    paths = copied(journals["rotated"], tmp_path)
    hit = len(paths) // 2
    data = bytearray(paths[hit].read_bytes())
    data[-300] ^= 1
    paths[hit].write_bytes(data)
    sink = imported(tmp_path)
    (session,) = sink.sessions
    assert len(sink.gaps) == 1
    assert (session.head.id, session.head.outcome) == (whole.head.id, Outcome.COMPLETED)
    assert [event.kind for event in session.events if event.kind == "gap"] == ["gap"]
    assert session.head.summary.belt_s <= whole.head.summary.belt_s


def test_removed_segments_are_named_unless_they_had_been_read(journals: Journals, tmp_path: Path) -> None:
    paths = copied(journals["rotated"], tmp_path)
    found = list(read_since(tmp_path, START))
    read_up_to = next(item.after for item in reversed(found) if item.after.segment == 3)
    for path in paths[:3]:
        path.unlink()
    assert holes(read_since(tmp_path, read_up_to)) == []
    assert numbers(read_since(tmp_path, read_up_to)) == [n for n in numbers(found) if n >= read_up_to.sequence]
    (gap,) = holes(read_since(tmp_path, START))
    assert (gap.place, gap.sentence) == ("00000004.tcj", f"{read_up_to.sequence} batches before it are gone")


def test_a_segment_whose_header_is_no_journal_is_named(journals: Journals, tmp_path: Path) -> None:
    paths = copied(journals["rotated"], tmp_path)
    data = bytearray(paths[1].read_bytes())
    data[PREFIX.size + 4] ^= 1
    paths[1].write_bytes(data)
    first, second = holes(read_since(tmp_path, START))
    assert (first.place, first.error) == ("00000002.tcj", "journal_altered")
    assert (second.place, second.error) == ("00000003.tcj", "journal_cut")


def test_a_segment_of_another_format_is_named(journals: Journals, tmp_path: Path) -> None:
    paths = copied(journals["rotated"], tmp_path)
    data = paths[0].read_bytes()
    paths[0].write_bytes(data[:8] + b"\x02\x00" + data[10:])
    gaps = holes(read_since(tmp_path, START))
    assert gaps[0].error == "journal_altered"  # its checksum tells before its version is believed
    assert len(gaps) == 2


def test_a_file_whose_header_was_never_whole_is_passed_by(journals: Journals, tmp_path: Path) -> None:
    (path,) = copied(journals["completed"], tmp_path)
    data = path.read_bytes()
    (tmp_path / "00000002.tcj").write_bytes(data[:15])
    assert numbers(read_since(tmp_path, START)) == numbers(read_since(journals["completed"], START))
    with Machine(tmp_path, now_s=300.0) as machine:
        machine.run(0.5)
    found = list(read_since(tmp_path, START))
    assert (holes(found), numbers(found)) == ([], list(range(len(numbers(found)))))


def test_a_journal_begun_anew_is_read_from_its_beginning(journals: Journals, tmp_path: Path) -> None:
    copied(journals["completed"], tmp_path)
    found = list(read_since(tmp_path, Cursor(9, 400, 77, "00" * 32)))
    assert len(holes(found)) == 1
    assert numbers(found) == numbers(read_since(journals["completed"], START))


class FailingSync(DiskStorage):
    """A disk whose next sync fails when told, after the bytes have been written."""

    fails = False

    def sync(self, handle: int) -> None:
        if self.fails:
            self.fails = False
            raise OSError(errno.EIO, "input/output error")
        super().sync(handle)


def test_what_was_written_twice_is_read_once(tmp_path: Path) -> None:
    """The reader was quicker than the failed sync: the next segment repeats the batch it has read."""
    storage = FailingSync()
    with Machine(tmp_path, storage=storage) as machine:
        machine.walk(2.0)
        machine.flush()
        storage.fails = True
        machine.run(0.2)
        machine.flush()
        path, again = sorted(tmp_path.glob("*.tcj"))
        kept = again.read_bytes()
        again.unlink()
        early = list(read_since(tmp_path, START))
        again.write_bytes(kept)
        late = list(read_since(tmp_path, early[-1].after))
    assert path.name == "00000001.tcj"
    assert holes(late) == []
    counted = [(place.path.name, place.batch.header.sequence) for place in read_batches(tmp_path) if isinstance(place, Place)]
    afresh = [(c.place.path.name, c.place.batch.header.sequence) for c in read_since(tmp_path, START) if isinstance(c, Chunk)]
    assert afresh == counted  # begun afterwards, it takes the second try, as the journal's own readers do
    steps = [(p.place.batch.header.first_step, p.place.batch.header.steps) for p in (*early, *late) if isinstance(p, Chunk)]
    assert [first for first, _ in steps] == [sum(count for _, count in steps[:index]) for index in range(len(steps))]


def test_what_did_not_outlive_a_power_cut_is_named(journals: Journals, tmp_path: Path) -> None:
    (path,) = copied(journals["completed"], tmp_path)
    early = list(read_since(tmp_path, START))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with Machine(tmp_path, now_s=300.0) as machine:
        machine.run(0.5)
    late = list(read_since(tmp_path, early[-1].after))
    (gap,) = holes(late)
    assert gap.sentence.endswith("batches that had been read did not outlive the end of their run")
    assert len(numbers(late)) > 2


def test_steps_the_writer_lost_stand_in_the_session(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(1.0)
        machine.flush()
        machine.lost = True
        machine.run(0.16)
        machine.lost = False
        machine.run(0.5)
        machine.ask(RequestKind.END)
        machine.run(2.0)
    (session,) = imported(tmp_path).sessions
    gaps = [event.sentence for event in session.events if event.kind == "gap"]
    assert gaps == ["8 steps are missing from the journal here."]
    assert any(event.kind == "journal" for event in session.events)


@pytest.mark.parametrize("unseen_s", [1.0, 6.0])
def test_a_second_session_whose_arming_and_start_were_lost_is_not_taken_for_the_first(tmp_path: Path, unseen_s: float) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(4.0)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.run(0.5)
        machine.flush()
        machine.lost = True
        machine.again(unseen_s)
        machine.lost = False
        machine.run(0.5)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.put_away()
    first, second = imported(tmp_path).sessions
    assert (first.head.outcome, second.head.outcome) == (Outcome.ENDED_EARLY, Outcome.ENDED_EARLY)
    assert (second.head.profile, second.mass_kg) == ("test", 70.0)
    assert second.head.summary.duration_s < 3.0


def test_a_start_lost_in_mid_run_is_another_session_when_the_program_stands_earlier(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(4.0)
        machine.flush()
        machine.lost = True
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.again(1.0)
        machine.lost = False
        machine.run(0.5)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.put_away()
    first, second = imported(tmp_path).sessions
    assert (first.head.outcome, second.head.outcome) == (Outcome.UNKNOWN, Outcome.ENDED_EARLY)


def test_a_walk_whose_arming_is_gone_is_known_from_the_checkpoint(journals: Journals, tmp_path: Path) -> None:
    paths = copied(journals["rotated"], tmp_path)
    walking = paths[3]
    for path in paths[: paths.index(walking) + 2]:
        path.unlink()
    sink = imported(tmp_path)
    (session,) = sink.sessions
    assert (session.mass_kg, session.head.profile, session.attendant) == (70.0, "test", "attending clinician")
    assert session.head.outcome is Outcome.COMPLETED
    assert len(sink.gaps) == 1


def test_another_release_is_named_once_and_ends_what_was_going_on(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(2.0)
    core = core_schema()
    other = Schema(type(machine.outputs[0]), type(machine.outputs[0]), type(machine.setup), type(machine.state))
    info = MachineInfo("treadmill one", "99", "boot-1")
    assert other.fingerprint != core.fingerprint
    with JournalWriter(tmp_path, other, machine.setup, machine.state, 300.0, info, options=WriterOptions(min_free_bytes=0)) as writer:
        writer.append_event(301.0, "one", {})
        assert writer.flush(5.0)
        writer.append_event(302.0, "two", {})
    sink = imported(tmp_path)
    (gap,) = sink.gaps
    assert (gap.place, gap.error) == ("00000002.tcj", "journal_version")
    assert "release 99" in gap.sentence
    assert [session.head.outcome for session in sink.sessions] == [Outcome.UNKNOWN]


def test_a_batch_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.run(0.5)
        machine.flush()
        appender: Appender[object] = machine.writer._appender  # type: ignore[assignment]
        batch: Batch[object] = Batch(25, None, 0, 101.0, 101.0, Kinds.EVENTS)
        record = event_record(101.0, "x", {})
        batch.records += [varint(len(record)), record[:-1] + b"!"]
        appender.append(batch)
        machine.run(0.5)
    (gap,) = imported(tmp_path).gaps
    assert gap.error == "journal_altered"
    assert "cannot be read" in gap.sentence


def test_files_that_may_not_be_read_are_an_error(tmp_path: Path, journals: Journals) -> None:
    (path,) = copied(journals["completed"], tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(TreadctlError, match="TC100"):
        list(read_since(tmp_path, START))


async def test_an_unreadable_cursor_is_an_error_and_no_new_beginning(journals: Journals) -> None:
    sink = MemorySink(cursors=["rubbish"])
    with pytest.raises(TreadctlError, match="TC604"):
        await Importer(journals["completed"], sink).run_once()
    assert sink.sessions == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format":2}', '{"format":1,"segment":-1}', '{"format":1,"segment":"1"}', '{"format":1,"head":"xyz"}',
                                  '{"format":1,"other":1}', '{"format":1,"memory":{}}'])  # fmt: skip
def test_no_other_text_is_taken_for_a_cursor(text: str) -> None:
    with pytest.raises(TreadctlError, match="TC604"):
        parse(text)


def test_a_cursor_survives_its_text() -> None:
    cursor = Cursor(3, 1234, 99, "ab" * 32, 2, '{"run":"x"}')
    assert parse(cursor.text()) == cursor
    assert parse(START.text()) == START


@pytest.mark.parametrize("memory", ["x", "{}", '{"run":"a","proofs":{"colour":1}}'])
def test_no_other_memory_is_believed(memory: str) -> None:
    with pytest.raises(TreadctlError, match="TC604"):
        Assembler(Cursor(1, 100, 1, "00" * 32, 0, memory))


def test_an_instant_is_bounded_whatever_the_clocks_say(journals: Journals) -> None:
    chunk = next(item for item in read_since(journals["completed"], START) if isinstance(item, Chunk))
    where = where_of(chunk.place)
    assert where.instant(float("nan")) == where.instant(where.first_s)
    assert where.instant(1e300).year == 9892
    assert where.instant(-1e300).year == 1970
    assert BATCH.size < chunk.after.offset
