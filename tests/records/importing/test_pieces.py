"""However the journal is read, in pieces, again after a kill, or while it grows, every session comes once and is the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing_rig import JOURNALS, Killed, Machine, MemorySink, imported

from treadctl.core.messages import RequestKind
from treadctl.core.session import SessionState
from treadctl.errors import TreadctlError
from treadctl.records.importing import START, Assembler, Cursor, Importer, read_since
from treadctl.records.importing.cursor import parse
from treadctl.records.importing.reader import Chunk, Hole
from treadctl.records.model import Arming

Journals = dict[str, Path]
EACH = sorted(JOURNALS)


def read_on(journal: Path, cursor: Cursor) -> Iterator[Chunk | Hole]:
    """As an importer begun anew reads, from the text in the store."""
    return read_since(journal, parse(cursor.text()))


@pytest.mark.parametrize("name", EACH)
def test_an_import_broken_off_after_any_batch_and_begun_anew_gives_the_same(journals: Journals, name: str) -> None:
    journal = journals[name]
    whole = imported(journal).kept
    batches = list(read_since(journal, START))
    first, begun = Assembler(START), MemorySink()
    for found in batches:
        first.feed(found)
        begun.keep(first.findings())
        rest, second = MemorySink(*map(list, begun.kept)), Assembler(parse(first.cursor.text()))
        for later in read_on(journal, first.cursor):
            second.feed(later)
        rest.keep(second.findings())
        assert rest.kept == whole


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(EACH), pieces=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_many_restarts_after_pieces_of_any_size_give_the_same(journals: Journals, name: str, pieces: list[int]) -> None:
    journal, sink, cursor = journals[name], MemorySink(), START
    for piece in [*pieces, 100_000]:
        assembler = Assembler(cursor)
        for found, _ in zip(read_on(journal, cursor), range(piece), strict=False):
            assembler.feed(found)
        sink.keep(assembler.findings())
        cursor = assembler.cursor
    assert sink.kept == imported(journal).kept


@pytest.mark.parametrize("dies_before", [True, False], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("name", EACH)
async def test_killed_at_any_commit_nothing_is_lost_or_doubled(journals: Journals, name: str, dies_before: bool) -> None:
    whole = MemorySink()
    await Importer(journals[name], whole, piece_batches=5).run_once()
    assert whole.kept == imported(journals[name]).kept
    assert len(whole.cursors) >= 2 - (name == "armed_in_vain")
    for number in range(1, len(whole.cursors) + 1):
        sink = MemorySink(dies_at=number, dies_before=dies_before)
        importer = Importer(journals[name], sink, piece_batches=5)
        with pytest.raises(Killed):
            await importer.run_once()
        await importer.run_once()
        assert sink.kept == whole.kept
        anew = MemorySink(*map(list, sink.kept), cursors=sink.cursors)
        await Importer(journals[name], anew).run_once()
        assert anew.kept == whole.kept


@pytest.mark.parametrize("name", EACH)
async def test_a_journal_that_grows_byte_by_byte_is_read_once(journals: Journals, tmp_path: Path, name: str) -> None:
    """Every look finds another tail, mostly torn; one importer stays, another is begun anew at each look."""
    staying, anew = MemorySink(), MemorySink()
    importer = Importer(tmp_path, staying, piece_batches=4)
    paths = sorted(journals[name].glob("*.tcj"))
    stride = max(307, sum(path.stat().st_size for path in paths) // 60)
    for path in paths:
        data = path.read_bytes()
        for end in [*range(0, len(data), stride), len(data)]:
            (tmp_path / path.name).write_bytes(data[:end])
            await importer.run_once()
            await Importer(tmp_path, anew, piece_batches=4).run_once()
    assert staying.kept == anew.kept == imported(journals[name]).kept


async def test_a_session_appears_while_the_daemon_goes_on(tmp_path: Path) -> None:
    sink = MemorySink()
    with Machine(tmp_path) as machine:
        importer = Importer(tmp_path, sink)
        machine.walk(2.0)
        machine.flush()
        await importer.run_once()
        assert sink.sessions == []
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.run(0.3)
        machine.flush()
        await importer.run_once()
        assert len(sink.sessions) == 1
        machine.again(1.0)
        machine.ask(RequestKind.END)
        machine.run(2.0)
        machine.flush()
        await importer.run_once()
        assert len(sink.sessions) == 2
    await importer.run_once()
    assert sink.sessions == imported(tmp_path).sessions


async def test_while_a_session_is_unfinished_the_cursor_stays_before_its_arming(journals: Journals, tmp_path: Path) -> None:
    (path,) = journals["completed"].glob("*.tcj")
    data = path.read_bytes()
    (tmp_path / path.name).write_bytes(data[: len(data) // 2])
    sink = MemorySink()
    await Importer(tmp_path, sink, piece_batches=3).run_once()
    held = parse(sink.cursors[-1])
    assert len(sink.cursors) == len(set(sink.cursors))
    (tmp_path / path.name).write_bytes(data[: 3 * len(data) // 4])
    await Importer(tmp_path, sink, piece_batches=3).run_once()
    assert (held.skip > 0, parse(sink.cursors[-1])) == (True, held)
    assert sink.sessions == []


async def test_a_resting_machine_moves_the_cursor_seldom(tmp_path: Path) -> None:
    sink = MemorySink()
    with Machine(tmp_path) as machine:
        importer = Importer(tmp_path, sink, piece_batches=50)
        for _ in range(30):
            machine.run(2.0)
            machine.flush()
            await importer.run_once()
    assert 3 <= len(sink.cursors) <= 8


async def test_a_busy_store_delays_and_loses_nothing(journals: Journals) -> None:
    sink = MemorySink(busy=1)
    importer = Importer(journals["completed"], sink)
    with pytest.raises(TreadctlError):
        await importer.run_once()
    assert (await importer.run_once()).sessions == 1
    assert sink.kept == imported(journals["completed"]).kept


async def test_the_arm_request_links_a_session_to_person_and_revision(journals: Journals) -> None:
    events = imported(journals["completed"]).sessions[0].events
    request_id = str(next(event.detail["request_id"] for event in events if event.detail.get("request") == "arm"))
    at = datetime(2026, 11, 27, tzinfo=UTC)
    sink = MemorySink(armings={request_id: Arming(request_id, "p-17", 4, "staff", at)})
    await Importer(journals["completed"], sink).run_once()
    (session,) = sink.sessions
    assert (session.head.person_id, session.head.revision_id) == ("p-17", 4)
    plain = imported(journals["completed"]).sessions[0]
    assert replace(session, head=replace(session.head, person_id=None, revision_id=None)) == plain


async def test_watching_goes_on_after_an_error_and_tells_it(journals: Journals) -> None:
    sink, told, waits = MemorySink(busy=2), [], []

    class Enough(Exception):
        pass

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            raise Enough

    importer = Importer(journals["completed"], sink, sleep=sleep)
    with pytest.raises(Enough):
        await importer.watch(2.0, told.append)
    assert [error and error.kind.name for error in told] == ["database_busy", "database_busy", None]  # and once that it is well again
    assert waits == [2.0] * 4
    assert len(sink.sessions) == 1


async def test_a_report_counts_what_was_read(journals: Journals) -> None:
    report = await Importer(journals["completed"], MemorySink()).run_once()
    assert (report.sessions, report.proof_tests, report.gaps) == (1, 2, ())
    assert report.batches == len(list(read_since(journals["completed"], START)))
    assert report.records > 600


async def test_no_journal_yet_is_nothing_to_do(tmp_path: Path) -> None:
    sink = MemorySink()
    assert (await Importer(tmp_path / "nowhere", sink).run_once()).batches == 0
    assert sink.cursors == []


async def test_the_journal_is_only_read(journals: Journals, tmp_path: Path) -> None:
    shutil.copytree(journals["rotated"], tmp_path / "journal")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "journal").iterdir()}
    for path in (tmp_path / "journal").iterdir():
        path.chmod(0o400)
    (tmp_path / "journal").chmod(0o500)
    await Importer(tmp_path / "journal", MemorySink()).run_once()
    (tmp_path / "journal").chmod(0o700)
    assert before == {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "journal").iterdir()}
