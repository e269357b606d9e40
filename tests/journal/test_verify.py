"""Verification finds one changed byte anywhere and a cut at any length, and says where."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from journal_toy import OPTIONS, START_S, Session, write_journal

from treadctl.errors import TreadctlError
from treadctl.journal import VerifyReport, read_batches, verify
from treadctl.journal._format import BATCH, PREFIX, pack_batch
from treadctl.journal.reader import Broken


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("whole"), steps=20)


def only_segment(directory: Path) -> Path:
    (path,) = directory.glob("*.tcj")
    return path


def steps_readable(directory: Path) -> int:
    return sum(place.batch.header.steps for place in read_batches(directory) if not isinstance(place, Broken))


def found(path: Path) -> VerifyReport | TreadctlError:
    try:
        return verify(path)
    except TreadctlError as error:
        return error


def test_a_closed_journal_is_sound(whole: Path) -> None:
    report = verify(whole)
    assert report.ok
    assert (report.segments, report.steps) == (1, 20)
    assert len(bytes.fromhex(report.head)) == 32
    assert verify(only_segment(whole)).ok


def test_every_changed_byte_is_found(whole: Path, tmp_path: Path) -> None:
    data = only_segment(whole).read_bytes()
    copy = tmp_path / only_segment(whole).name
    for offset in range(len(data)):
        for change in (0x01, 0x80) if offset % 16 == 0 else (0xFF,):
            copy.write_bytes(data[:offset] + bytes([data[offset] ^ change]) + data[offset + 1 :])
            report = found(tmp_path)
            assert isinstance(report, TreadctlError) or not report.ok, f"byte {offset} changed by {change:#x} was not noticed"


def test_a_changed_byte_in_a_batch_is_located_in_its_batch(whole: Path, tmp_path: Path) -> None:
    data = only_segment(whole).read_bytes()
    places = [place for place in read_batches(whole) if not isinstance(place, Broken)]
    copy = tmp_path / only_segment(whole).name
    for place in places:
        header = place.batch.header
        for offset in (place.batch.offset, place.batch.offset + BATCH.size, place.batch.offset + BATCH.size + header.stored_bytes):
            copy.write_bytes(data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :])
            (problem,) = verify(tmp_path).problems
            assert (problem.code, problem.offset, problem.sequence) == ("TC301", place.batch.offset, header.sequence)


def test_a_cut_at_every_length_is_found_and_all_before_it_is_readable(whole: Path, tmp_path: Path) -> None:
    data = only_segment(whole).read_bytes()
    ends = [
        (place.batch.offset + BATCH.size + place.batch.header.stored_bytes + 32, place.batch.header)
        for place in read_batches(whole)
        if not isinstance(place, Broken)
    ]
    copy = tmp_path / only_segment(whole).name
    for length in range(len(data)):
        copy.write_bytes(data[:length])
        (problem,) = verify(tmp_path).problems
        assert problem.code == "TC300", f"cut at {length}: {problem}"
        assert steps_readable(tmp_path) == sum(header.steps for end, header in ends if end <= length)


def test_a_last_write_that_became_zeros_is_a_cut(whole: Path, tmp_path: Path) -> None:
    data = only_segment(whole).read_bytes()
    places = [place for place in read_batches(whole) if not isinstance(place, Broken)]
    last = places[-2].batch  # the one before the closing batch
    size = BATCH.size + last.header.stored_bytes + 32
    copy = tmp_path / only_segment(whole).name
    for kept in range(size - 3):
        copy.write_bytes(data[: last.offset + kept] + bytes(size - kept))
        (problem,) = verify(tmp_path).problems
        assert (problem.code, problem.offset) == ("TC300", last.offset), f"{kept} bytes kept"


def test_a_batch_taken_out_of_the_middle_is_found(whole: Path, tmp_path: Path) -> None:
    data = only_segment(whole).read_bytes()
    places = [place.batch for place in read_batches(whole) if not isinstance(place, Broken)]
    (tmp_path / only_segment(whole).name).write_bytes(data[: places[1].offset] + data[places[2].offset :])
    (problem,) = verify(tmp_path).problems
    assert (problem.code, problem.sequence) == ("TC301", places[1].header.sequence)


@pytest.mark.parametrize("change", [{"sequence": 7}, {"crc32": 1}])
def test_a_batch_chained_anew_with_a_wrong_number_or_checksum_is_found(whole: Path, tmp_path: Path, change: dict[str, int]) -> None:
    data = only_segment(whole).read_bytes()
    first, second = [place.batch for place in read_batches(whole) if not isinstance(place, Broken)][:2]
    forged, _ = pack_batch(replace(second.header, **change), second.payload, first.head)
    (tmp_path / only_segment(whole).name).write_bytes(data[: second.offset] + forged)
    (problem,) = verify(tmp_path).problems
    assert (problem.code, problem.offset) == ("TC301", second.offset)


def test_bytes_after_the_end_are_found(whole: Path, tmp_path: Path) -> None:
    (tmp_path / only_segment(whole).name).write_bytes(only_segment(whole).read_bytes() + b"\0")
    assert verify(tmp_path).problems[0].code == "TC301"


def two_runs(directory: Path, *, crash: bool) -> Path:
    first = Session(directory.parent / f"{directory.name}-live" if crash else directory)
    first.run(20)
    if crash:  # what a kill leaves: the files as they are at some moment, the last write torn
        first.flush()
        shutil.copytree(first.directory, directory, dirs_exist_ok=True)
        path = only_segment(directory)
        path.write_bytes(path.read_bytes() + b"TCJB and then the power went")
    first.close()
    second = Session(directory, start_s=START_S + 100)
    second.run(20)
    second.close()
    return directory


def test_a_cut_that_the_next_run_recorded_is_no_problem(tmp_path: Path) -> None:
    report = verify(two_runs(tmp_path, crash=True))
    assert report.ok
    assert any("cut" in note for note in report.notes)
    assert steps_readable(tmp_path) == 40


@pytest.mark.parametrize("crash", [False, True])
def test_every_changed_byte_in_two_chained_segments_is_found(tmp_path: Path, crash: bool) -> None:
    directory = two_runs(tmp_path, crash=crash)
    for path in directory.glob("*.tcj"):
        data = path.read_bytes()
        for offset in range(0, len(data), 1 if crash else 7):
            path.write_bytes(data[:offset] + bytes([data[offset] ^ 0x04]) + data[offset + 1 :])
            report = found(directory)
            assert isinstance(report, TreadctlError) or not report.ok, f"{path.name} byte {offset}"
        path.write_bytes(data)
    assert verify(directory).ok


@pytest.mark.parametrize("crash", [False, True])
def test_a_first_segment_shortened_later_is_altered_at_every_length(tmp_path: Path, crash: bool) -> None:
    directory = two_runs(tmp_path, crash=crash)
    path = min(directory.glob("*.tcj"))
    data = path.read_bytes()
    for length in range(0, len(data), 5):
        path.write_bytes(data[:length])
        assert any(problem.code == "TC301" for problem in verify(directory).problems), f"cut at {length}"


def test_a_missing_segment_in_the_middle_is_found(tmp_path: Path) -> None:
    for number in range(3):
        session = Session(tmp_path, start_s=START_S + number)
        session.run(5)
        session.close()
    (tmp_path / "00000002.tcj").unlink()
    (problem,) = verify(tmp_path).problems
    assert problem.code == "TC301"
    assert "segment 2" in problem.message


def test_a_segment_put_in_from_another_journal_is_found(tmp_path: Path) -> None:
    one = two_runs(tmp_path / "one", crash=False)
    other = Session(tmp_path / "other", start_s=START_S + 7)
    other.run(20)
    other.close()
    shutil.copy(tmp_path / "other" / "00000001.tcj", one / "00000001.tcj")
    assert verify(one).problems[0].code == "TC301"


def test_a_journal_being_written_is_sound_so_far(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run(20)
    session.flush()
    report = verify(tmp_path)
    assert report.ok
    assert report.live
    session.close()
    assert not verify(tmp_path).live


def test_a_header_torn_at_any_length_is_passed_by(tmp_path: Path, whole: Path) -> None:
    data = only_segment(whole).read_bytes()
    length = PREFIX.size + int.from_bytes(data[12:16], "little")
    for kept in range(0, length, 17):
        directory = tmp_path / str(kept)
        shutil.copytree(whole, directory)
        (directory / "00000002.tcj").write_bytes(data[:kept])
        session = Session(directory, options=OPTIONS)
        session.run(3)
        session.close()
        assert (directory / "00000002.tcj").read_bytes() == data[:kept]
        assert verify(directory).ok
        assert steps_readable(directory) == 23


def test_another_format_version_is_refused_by_number(whole: Path, tmp_path: Path) -> None:
    data = bytearray(only_segment(whole).read_bytes())
    make_version(data, 2)
    path = tmp_path / only_segment(whole).name
    path.write_bytes(data)
    with pytest.raises(TreadctlError, match="TC302"):
        verify(tmp_path)
    with pytest.raises(TreadctlError, match="TC302"):
        Session(tmp_path)
    assert path.read_bytes() == data
    assert [child.name for child in tmp_path.glob("*.tcj")] == [path.name]


def make_version(data: bytearray, version: int) -> None:
    """Turn a segment into a sound one of another version."""
    import struct
    import zlib

    data[8:10] = struct.pack("<H", version)
    length = int.from_bytes(data[12:16], "little")
    body = data[PREFIX.size : PREFIX.size + length]
    data[16:20] = struct.pack("<I", zlib.crc32(body, zlib.crc32(data[:16])))


def test_nothing_there_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError, match="TC100"):
        verify(tmp_path)
