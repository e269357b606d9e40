"""The journal's disk: full, and gone. A stop is never delayed by it, and nothing new is started."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness import Rig, ramped, until
from treadctl.core.messages import RequestKind


@contextmanager
def full_disk(rig: Rig) -> Iterator[None]:
    """Let no file of the daemon grow any more, old or new, which is what a full disk looks like from inside: every write fails."""
    assert rig.daemon is not None
    before = resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.interlock("journal_unhealthy")
def test_a_full_disk_delays_no_stop_and_is_no_end(rig: Rig) -> None:
    rig.cut_short = True  # a segment in which writing failed is never closed
    rig.session()
    with full_disk(rig):
        rig.caused("journal_unhealthy", within_s=8.0)
        assert rig.client.snapshot().state == "running"
        rig.mark("stop")
        rig.client.stop()
        assert ramped(rig.measured("stop"))
        assert "journal" in rig.refused(RequestKind.RESET)
    until(lambda: rig.client.snapshot().journal.ok, 8.0, "the journal written again")
    rig.reset()


def test_a_full_disk_forbids_a_start_until_it_has_room(rig: Rig) -> None:
    rig.cut_short = True
    rig.arm()
    with full_disk(rig):
        until(lambda: "journal_unhealthy" in {b.id for b in rig.client.snapshot().start_blockers}, 8.0, "the full disk")
        assert "journal" in rig.refused(RequestKind.START_HOLD)
        assert rig.belt_rests()
        assert not rig.belt.state()["enable_relay"]
    until(lambda: not rig.client.snapshot().start_blockers, 8.0, "a clear start")


def test_a_journal_that_vanishes_while_running_delays_no_stop(rig: Rig) -> None:
    rig.spent = rig.journal_lost = True
    rig.session()
    shutil.rmtree(rig.journal)
    walked_m = rig.belt.state()["belt_travel_m"]
    until(lambda: rig.belt.state()["belt_travel_m"] > walked_m + 0.2, 5.0, "the walk to go on")
    rig.mark("stop")
    rig.client.stop()
    assert ramped(rig.measured("stop"))
    rig.reset()
