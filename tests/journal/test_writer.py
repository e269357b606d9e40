"""The writer never disturbs the loop, never loses what it acknowledged, and says so when it cannot write."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journal_toy import OPTIONS, SCHEMA, START_S, Cell, In, Level, Out, Session, initial, step
from recording_storage import FailingStorage, RecordingStorage, crash_images

from treadctl.errors import TreadctlError
from treadctl.journal import Retention, read_batches, read_events, replay, verify
from treadctl.journal.reader import Broken, Place


def places(directory: Path) -> list[Place]:
    return [place for place in read_batches(directory) if not isinstance(place, Broken)]


def events(directory: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, event.details) for place in places(directory) for event in read_events(place.batch)]


def wait_for(condition: Callable[[], bool]) -> None:
    """For the writer's thread, which nothing else announces. Ends with the condition or fails at the deadline."""
    deadline_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.001)


def test_everything_is_written_by_close(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run(33)
    session.event("note")
    session.close()
    assert verify(tmp_path).steps == 33
    assert [name for name, _ in events(tmp_path)] == ["run_began", "note"]


def test_a_batch_is_handed_over_when_it_is_old_enough(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run(8)  # 10 ms apart, batches of 50 ms
    wait_for(lambda: session.writer.durable_steps >= 6)
    session.close()


def test_a_stop_goes_to_the_disk_at_once(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run(1)
    session.event("trip", stop=True)
    wait_for(lambda: session.writer.durable_steps == 1)
    session.close()


@pytest.mark.parametrize("now_s", [float("nan"), START_S - 50.0, float("inf")])
def test_a_broken_clock_keeps_no_batch_open(tmp_path: Path, now_s: float) -> None:
    session = Session(tmp_path)
    session.run(1)
    session.now_s = now_s
    session.run(2)
    wait_for(lambda: session.writer.durable_steps >= 2)
    session.close()
    assert verify(tmp_path).steps == 3
    assert replay(tmp_path, SCHEMA, step, initial).ok


def test_a_clock_that_stands_still_keeps_no_batch_open(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run(300, tick_s=0.0)
    wait_for(lambda: session.writer.durable_steps >= 256)
    session.close()


def test_a_file_in_the_way_is_passed_by_untouched(tmp_path: Path) -> None:
    session = Session(tmp_path, options=replace(OPTIONS, segment_bytes=1))
    (tmp_path / "00000002.tcj").write_bytes(b"")
    session.run(20)
    session.close()
    assert (tmp_path / "00000002.tcj").read_bytes() == b""
    assert verify(tmp_path).ok, verify(tmp_path).problems
    assert replay(tmp_path, SCHEMA, step, initial).steps == 20


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    session = Session(tmp_path)
    with pytest.raises(TreadctlError, match="TC204"):
        Session(tmp_path)
    session.close()
    Session(tmp_path, start_s=START_S + 9).close()


def test_a_directory_that_takes_nothing_is_refused_at_start_up(tmp_path: Path) -> None:
    storage = FailingStorage()
    storage.failing = True
    with pytest.raises(TreadctlError, match="TC304"):
        Session(tmp_path, storage=storage)
    assert not list(tmp_path.glob("*.tcj"))
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(TreadctlError, match="TC304"):
        Session(tmp_path / "file")


@pytest.mark.parametrize("torn", [0, 70])
@pytest.mark.parametrize("fail_sync", [False, True])
def test_a_full_disk_makes_it_unhealthy_and_loses_nothing_that_fits_in_memory(tmp_path: Path, torn: int, fail_sync: bool) -> None:
    storage = FailingStorage()
    session = Session(tmp_path, storage=storage)
    session.run(20)
    session.flush()
    assert session.writer.healthy
    storage.torn, storage.fail_sync, storage.failing = torn, fail_sync, True
    session.run(20)
    wait_for(lambda: not session.writer.healthy)
    assert ("input/output" if fail_sync else "no space") in session.writer.reason
    session.run(20)
    storage.failing = False
    session.flush()
    assert session.writer.healthy
    session.run(20)
    session.close()
    report = verify(tmp_path)
    assert report.ok, report.problems
    assert sum(place.batch.header.steps for place in places(tmp_path)) == 80
    assert [place.batch.header.sequence for place in places(tmp_path)] == list(range(len(places(tmp_path))))
    result = replay(tmp_path, SCHEMA, step, initial)
    assert (result.ok, result.steps, result.gaps) == (True, 80, 0)


def test_beyond_the_memory_bound_batches_are_dropped_counted_and_the_hole_is_recorded(tmp_path: Path) -> None:
    storage = FailingStorage()
    session = Session(tmp_path, storage=storage, options=replace(OPTIONS, queued=4))
    session.run(20)
    session.flush()
    storage.failing = True
    session.run(20)
    wait_for(lambda: not session.writer.healthy)
    session.run(100)
    session.event("trip", stop=True)  # still taken: the black box goes before the rest
    session.run(1)
    dropped = session.writer.dropped_batches
    assert dropped > 10
    storage.failing = False
    wait_for(lambda: session.writer.healthy)
    session.run(20)
    session.close()
    assert verify(tmp_path).ok
    lost = sum(details["steps_lost"] for name, details in events(tmp_path) if name == "journal_gap")
    kept = sum(place.batch.header.steps for place in places(tmp_path))
    assert lost + kept == 161
    assert lost > 50
    assert "trip" in [name for name, _ in events(tmp_path)]
    result = replay(tmp_path, SCHEMA, step, initial)
    assert (result.divergence, result.skipped, result.steps) == (None, 0, kept)
    assert result.gaps >= 1


def test_close_gives_up_at_its_deadline_on_a_dead_disk(tmp_path: Path) -> None:
    storage = FailingStorage()
    session = Session(tmp_path, storage=storage)
    session.run(10)
    session.flush()
    storage.failing = True
    storage.error = errno.EIO
    session.run(10)
    begun_s = time.monotonic()
    assert not session.writer.close(1.0)
    assert time.monotonic() - begun_s < 1.5


def test_a_nearly_full_disk_is_unhealthy_before_it_fails(tmp_path: Path) -> None:
    storage = FailingStorage()
    session = Session(tmp_path, storage=storage, options=replace(OPTIONS, min_free_bytes=1000, free_check_batches=0))
    assert session.writer.healthy
    storage.free = 999
    session.run(1)
    session.flush()
    assert session.writer.reason == "the disk is nearly full"
    storage.free = 1001
    session.run(1)
    session.flush()
    assert session.writer.healthy
    session.close()


def test_a_step_that_cannot_be_written_makes_it_unhealthy_and_is_a_recorded_hole(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run(5)
    bad: Any = "fast"
    session.writer.append_step(
        session.now_s, In(Cell(True, bad, Level.LOW), Cell(None, 0.0, Level.LOW), Cell(None, 0.0, Level.LOW)), Out(0.0, 0), session.memory
    )
    assert "could not be written" in session.writer.reason
    session.run(5)
    session.close()
    assert ("journal_gap", {"steps_lost": 1}) in events(tmp_path)
    result = replay(tmp_path, SCHEMA, step, initial)
    assert (result.steps, result.gaps, result.divergence) == (10, 1, None)


def test_segments_rotate_by_size_and_by_day_and_each_can_be_replayed_alone(tmp_path: Path) -> None:
    session = Session(tmp_path, options=replace(OPTIONS, segment_bytes=3000))
    for _ in range(10):
        session.run(20)
        session.flush()
    by_size = len(list(tmp_path.glob("*.tcj")))
    assert by_size > 2
    session.now_s += 86_400.0
    session.run(20)
    session.close()
    paths = sorted(tmp_path.glob("*.tcj"))
    assert len(paths) == by_size + 1
    assert verify(tmp_path).ok
    assert replay(tmp_path, SCHEMA, step, initial).steps == 220
    for path in paths:
        assert replay(path, SCHEMA, step, initial).ok


def thinned(directory: Path, *, stop_in: int | None, years: float = 0.0) -> list[int]:
    """The segments left of some twenty, one minute each, when only a few may stay; there was a stop in one of them."""
    options = replace(OPTIONS, segment_bytes=600, retention=Retention(total_bytes=8000, stop_days=90))
    session = Session(directory, options=options, storage=RecordingStorage())
    for number in range(20):
        if number == stop_in:
            session.event("trip", stop=True)
        session.run(20)
        session.flush()
        session.now_s += 60.0 + (years * 365 * 86_400 if number == 10 else 0.0)
    session.close()
    assert verify(directory).ok, verify(directory).problems
    result = replay(directory, SCHEMA, step, initial)
    assert (result.divergence, result.skipped) == (None, 0)
    return [int(path.stem) for path in sorted(directory.glob("*.tcj"))]


def test_retention_removes_the_oldest_segments_on_record(tmp_path: Path) -> None:
    left = thinned(tmp_path, stop_in=None)
    assert left[0] > 5
    assert left == list(range(left[0], left[-1] + 1))
    removed = [details["segment"] for name, details in events(tmp_path) if name == "journal_segment_removed"]
    assert removed
    assert max(removed) == left[0] - 1


def test_retention_keeps_the_time_around_a_stop(tmp_path: Path) -> None:
    left = thinned(tmp_path, stop_in=3)
    assert "trip" in [name for name, _ in events(tmp_path)]
    assert len(left) < left[-1] - left[0]  # others around it went


def test_retention_lets_a_stop_go_when_its_days_are_over(tmp_path: Path) -> None:
    assert thinned(tmp_path, stop_in=3, years=1.0)[0] > 5


def test_whatever_moment_the_power_goes_everything_acknowledged_is_readable(tmp_path: Path) -> None:
    storage = RecordingStorage()
    session = Session(tmp_path / "live", storage=storage, options=replace(OPTIONS, segment_bytes=2500))
    for number in range(6):
        session.run(7)
        if number == 3:
            session.event("trip", stop=True)
        session.flush()
        storage.acknowledged(session.writer.durable_steps)
    session.close()
    images = 0
    for steps, files in crash_images(storage.log):
        directory = tmp_path / str(images)
        directory.mkdir()
        for name, data in files.items():
            (directory / name).write_bytes(data)
        images += 1
        readable = sum(place.batch.header.steps for place in places(directory)) if files else 0
        assert readable >= steps, f"image {images}: {readable} of {steps} acknowledged steps"
        if files:
            assert verify(directory).intact
        if images % 5 == 0:  # and the next run goes on from there without touching what it finds
            Session(directory, start_s=START_S + 999).close()
            assert {name: (directory / name).read_bytes() for name in files} == files
            assert verify(directory).ok, verify(directory).problems
    assert images > 200
