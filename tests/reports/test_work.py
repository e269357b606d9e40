"""The workshop: what is made in it, what goes wrong in it, and that none of it spreads."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import reports_rig as rig
import work_jobs as jobs

from treadctl.errors import TreadctlError
from treadctl.reports.session_pdf import session_pdf
from treadctl.reports.work import Bounds, State, Workshop
from treadctl.reports.worker import progress
from treadctl.testing.clock import FakeClock


@asynccontextmanager
async def workshop(bounds: Bounds | None = None) -> AsyncIterator[tuple[Workshop, FakeClock]]:
    clock = FakeClock()
    async with Workshop(clock, bounds or Bounds()) as made:
        yield made, clock


async def test_a_report_made_elsewhere_is_the_one_made_here() -> None:
    session = rig.finished()
    async with workshop() as (shop, _):
        job_id = shop.submit("session report", session_pdf, session, rig.SETTING)
        assert shop.job(job_id).state is State.WAITING
        job = await shop.finished(job_id)
        assert (job.state, job.share, job.error) == (State.DONE, 1.0, None)
        assert shop.result(job_id) == session_pdf(session, rig.SETTING)


async def test_the_worker_is_another_process_of_lower_priority() -> None:
    async with workshop() as (shop, _):
        first = shop.submit("a", jobs.niceness)
        second = shop.submit("b", jobs.niceness)
        await shop.finished(first)
        await shop.finished(second)
        nice, pid = str(shop.result(first)).split()
        assert int(nice) == min(19, os.nice(0) + 10)
        assert int(pid) != os.getpid()
        assert shop.result(second) == shop.result(first)


async def test_a_crashed_worker_is_one_clear_error_and_the_next_job_works() -> None:
    async with workshop() as (shop, _):
        dead = shop.submit("session report", jobs.die)
        alive = shop.submit("list", jobs.greet, "you")
        job = await shop.finished(dead)
        assert job.state is State.FAILED
        assert str(job.error).startswith("TC641 session report: it could not be made (the process that made it died).")
        with pytest.raises(TreadctlError, match="TC641"):
            shop.result(dead)
        assert (await shop.finished(alive)).state is State.DONE
        assert shop.result(alive) == "hello you"


async def test_progress_is_heard_and_a_job_that_takes_too_long_is_ended() -> None:
    async with workshop(Bounds(job_s=30.0)) as (shop, clock):
        job = shop.job(shop.submit("session report", jobs.never))
        shares = []
        while job.share < 0.5:
            job = await shop.changed(job)
            shares.append((job.state, job.share, job.words))
        assert shares[0] == (State.RUNNING, 0.0, "")
        assert shares[-1] == (State.RUNNING, 0.5, "half")
        clock.advance(30.0)
        shop.sweep()
        assert shop.job(job.id).state is State.RUNNING
        clock.advance(0.1)
        shop.sweep()
        job = await shop.finished(job.id)
        assert job.error is not None
        assert job.error.kind.code == "TC642"
        after = shop.submit("list", jobs.greet, "again")
        await shop.finished(after)
        assert shop.result(after) == "hello again"


async def test_a_clock_that_is_no_number_ends_a_job_rather_than_never() -> None:
    async with workshop() as (shop, clock):
        job = shop.job(shop.submit("session report", jobs.never))
        while job.share < 0.5:
            job = await shop.changed(job)
        clock.jump(float("nan"))
        shop.sweep()
        clock.jump(1000.0)
        assert (await shop.finished(job.id)).state is State.FAILED


@pytest.mark.parametrize(
    ("function", "code", "detail"),
    [
        (jobs.fail, "TC605", "gone"),
        (jobs.stubborn, "TC641", "Stubborn: stubborn"),
        (jobs.nothing, "TC641", "it gave NoneType"),
        (lambda: b"", "TC641", "ickl"),
    ],
    ids=["own error", "unsendable error", "no result", "unsendable function"],
)
async def test_what_a_job_raises_is_that_jobs_error_alone(function: object, code: str, detail: str) -> None:
    async with workshop() as (shop, _):
        bad = shop.submit("report", function)  # type: ignore[arg-type]
        job = await shop.finished(bad)
        assert job.error is not None
        assert job.error.kind.code == code
        assert detail in job.error.detail
        good = shop.submit("list", jobs.greet, "you")
        assert (await shop.finished(good)).state is State.DONE


async def test_more_orders_than_may_wait_are_refused_and_none_is_lost() -> None:
    async with workshop(Bounds(waiting=2)) as (shop, _):
        taken = [shop.submit("report", jobs.greet, str(index)) for index in range(2)]
        with pytest.raises(TreadctlError, match="TC640"):
            shop.submit("report", jobs.greet, "one too many")
        assert [(await shop.finished(job_id)).state for job_id in taken] == [State.DONE] * 2
        assert [shop.result(job_id) for job_id in taken] == ["hello 0", "hello 1"]


async def test_results_are_kept_ten_minutes() -> None:
    async with workshop() as (shop, clock):
        job_id = shop.submit("report", jobs.greet, "you")
        await shop.finished(job_id)
        clock.advance(600.0)
        shop.sweep()
        assert shop.result(job_id) == "hello you"
        clock.advance(0.1)
        shop.sweep()
        assert shop.jobs() == ()
        for ask in (shop.job, shop.result):
            with pytest.raises(TreadctlError, match="TC643"):
                ask(job_id)


async def test_results_take_a_bounded_room_the_oldest_go_first() -> None:
    async with workshop(Bounds(kept_bytes=2500)) as (shop, _):
        made = [shop.submit("report", jobs.big, 1000) for _ in range(3)]
        huge = shop.submit("report", jobs.big, 3000)
        for job_id in (*made[1:], huge):
            await shop.finished(job_id)
        with pytest.raises(TreadctlError, match="TC643"):
            shop.result(made[0])
        assert len(shop.result(made[1])) == len(shop.result(made[2])) == 1000
        with pytest.raises(TreadctlError, match="more than can be kept"):
            shop.result(huge)


async def test_a_result_is_not_there_before_it_is_made() -> None:
    async with workshop() as (shop, _):
        job_id = shop.submit("report", jobs.greet, "you")
        with pytest.raises(TreadctlError, match="TC643"):
            shop.result(job_id)


async def test_leaving_ends_what_runs_and_what_waits() -> None:
    async with workshop() as (shop, _):
        running = shop.job(shop.submit("report", jobs.never))
        waiting = shop.submit("report", jobs.greet, "you")
        while running.share < 0.5:
            running = await shop.changed(running)
        watcher = asyncio.create_task(shop.finished(waiting))
        await asyncio.sleep(0)
    assert (await watcher).state is State.FAILED
    assert {job.state for job in shop.jobs()} == {State.FAILED}
    assert not any(thread.name.startswith("QueueFeeder") for thread in threading.enumerate())


async def test_two_workers_work_side_by_side_and_one_dying_leaves_the_other() -> None:
    async with workshop(Bounds(workers=2)) as (shop, _):
        lasting = shop.job(shop.submit("report", jobs.never))
        dead = shop.submit("report", jobs.die)
        while lasting.share < 0.5:
            lasting = await shop.changed(lasting)
        assert (await shop.finished(dead)).state is State.FAILED
        assert shop.job(lasting.id).state is State.RUNNING


async def test_a_worker_killed_from_outside_while_idle_costs_one_job_at_most() -> None:
    async with workshop() as (shop, _):
        first = shop.submit("report", jobs.niceness)
        await shop.finished(first)
        os.kill(int(str(shop.result(first)).split()[1]), 9)
        states = []
        for _ in range(2):
            states.append((await shop.finished(shop.submit("report", jobs.greet, "you"))).state)
        assert states[-1] is State.DONE


def test_progress_outside_a_worker_does_nothing() -> None:
    progress(0.5, "half")


async def test_ids_cannot_be_guessed() -> None:
    async with workshop() as (shop, _):
        ids = {shop.submit("report", jobs.greet, "you") for _ in range(5)}
        assert len(ids) == 5
        assert all(len(job_id) == 32 for job_id in ids)


async def test_what_may_be_of_somebody_erased_is_dropped_and_what_is_being_made_given_up() -> None:
    async with workshop() as (shop, _):
        done = shop.submit("done", jobs.niceness)
        await shop.finished(done)
        running, waiting = shop.submit("running", jobs.never), shop.submit("waiting", jobs.niceness)
        while shop.job(running).state is not State.RUNNING:
            await shop.changed(shop.job(running))
        shop.clear()
        for gone in (done, waiting):
            with pytest.raises(TreadctlError) as caught:
                shop.job(gone)
            assert caught.value.kind.name == "work_gone"
        assert (await shop.finished(running)).state is State.FAILED
        with pytest.raises(TreadctlError):
            shop.result(running)
        again = shop.submit("again", jobs.niceness)
        assert (await shop.finished(again)).state is State.DONE
