"""A whole program on each bench: walked within tolerance, in the right direction, ended by SS2 with the power held and then taken."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness import Rig, Spec, paused, program, segment, until
from treadctl.core.program import Block, Hands, Program
from treadctl.core.sample import Direction, Facing

TOLERANCE_MPS = 0.08  # a light belt dips under each step; the machine's own quantum on the coarsest bench is 0.045 m/s


def plan(direction: Direction, facing: Facing, seconds: float = 2.0) -> Program:
    """Warm-up, main and cool-down, short: 0.3, 0.5 and 0.2 m/s."""
    return program(
        segment(seconds, 0.3, direction=direction, block=Block.WARM_UP, hands=Hands.ON),
        segment(seconds, 0.5, direction=direction, block=Block.MAIN),
        segment(seconds, 0.2, direction=direction, block=Block.COOL_DOWN),
        facing=facing,
    )


def walk_through(rig: Rig, what: Program) -> list[float]:
    """Walk the whole program; the true speed near the end of each segment, m/s, signed."""
    reached: dict[int, float] = {}
    rig.session(what, to_mps=0.05)

    def over() -> bool:
        now, belt = rig.client.snapshot(), rig.belt.state()
        view = now.program
        if now.state not in {"ended", "tripped"} and view is not None and not view.elapsed_s >= what.duration_s:
            if view.segment == len(what.segments) - 1 and view.segment not in reached:
                rig.mark("last segment")
            reached[view.segment] = float(belt["belt_speed_mps"])
            assert now.belt.direction in {None, what.segments[0].direction.value}
        return now.state in {"ended", "tripped"}

    until(over, 3.0 * what.duration_s + 10.0, "the end of the program")
    assert sorted(reached) == list(range(len(what.segments)))
    return [reached[index] for index in sorted(reached)]


def judged(rig: Rig, what: Program) -> None:
    """Walked within tolerance from end to end, then SS2: the drive's ramp, and torque still there at standstill."""
    reached = walk_through(rig, what)
    sign = 1.0 if what.segments[0].direction is Direction.FORWARD else -1.0
    for speed_mps, wanted in zip(reached, what.segments, strict=True):
        assert abs(sign * speed_mps - wanted.speed_mps) < TOLERANCE_MPS, (reached, wanted)
    ended = rig.state_is("ended", "tripped")
    assert ended.state == "ended", rig.causes()
    assert set(rig.causes()) <= {"program_end", "loop_late"}
    assert "program_end" in rig.causes()
    assert {event.detail["to"] for event in rig.events("session")} >= {"armed", "warm_up", "running", "cool_down", "stopping", "ended"}
    assert paused(rig.measured("last segment", dropped=False))


@pytest.mark.interlock("program_end")
def test_a_reverse_program_is_walked_and_ends_with_the_power_held_then_taken(rig: Rig) -> None:
    what = plan(Direction.REVERSE, Facing.CONSOLE)
    judged(rig, what)
    until(lambda: rig.client.snapshot().causes == (), 2.0, "no cause left")
    assert rig.belt.state()["enable_relay"]  # held while the person steps off …
    until(lambda: not rig.belt.state()["enable_relay"], 8.0, "the power taken")  # … and then taken


def test_a_program_facing_the_rear_runs_forward(rig: Rig) -> None:
    rig.belt.ask("runner", do="mount", facing="rear")
    rig.belt.runner("hands_on")
    judged(rig, plan(Direction.FORWARD, Facing.REAR))


def test_a_change_of_direction_waits_for_standstill(rig: Rig) -> None:
    rig.session(program(segment(2.0, 0.3, direction=Direction.FORWARD), segment(30.0, 0.3, direction=Direction.REVERSE)))
    seen: list[float] = []

    def turned() -> bool:
        seen.append(float(rig.belt.state()["belt_speed_mps"]))
        return seen[-1] < -0.25

    until(turned, 12.0, "the belt in reverse")
    assert any(abs(speed) < 0.01 for speed in seen)
    assert not any(before > 0.05 and after < -0.05 for before, after in pairwise(seen))
    assert rig.causes() == []


@pytest.mark.parametrize(
    "bench",
    [
        pytest.param(name, marks=pytest.mark.rig(bench=name, settings=("world.drive.ramp_up_mps2=0.5",)))
        for name in ("altivar-rtu", "altivar-tcp", "shared-bus", "woodway")
    ],
)
def test_the_same_program_on_every_bench(rig: Rig, bench: str) -> None:
    assert rig.spec == Spec(bench, ("world.drive.ramp_up_mps2=0.5",))
    judged(rig, plan(Direction.REVERSE, Facing.CONSOLE, 3.5 if bench == "woodway" else 2.0))
