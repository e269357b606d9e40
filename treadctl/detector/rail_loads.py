"""Simulated hand loads on two rails: people drawn from a seed, what their hands do in normal use, and what they do when balance goes.

Nothing here was recorded: no public recording of instrumented handrails was found. It is a model of its own, apart from the simulated treadmill's.
Marks: [S] read in a source, [D] derived, [U] not verified. `rail_figures.validate` holds it against the few figures that were published.
Loads are in percent of body weight; forces of cells in N. The noise is drawn from 8,192 normal values, so it has no tail beyond about 4 sigma.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from treadctl.core.imbalance.verdict import Beat
from treadctl.core.program import Hands
from treadctl.core.units import STANDARD_GRAVITY_MPS2

Sample = tuple[float, float, float, Hands, Beat | None, str]  # instant s, left %, right %, what the program wants, rhythm, truth ("" = normal)
Range = tuple[float, float]

_TAU: Final = 2.0 * math.pi
_TABLE: Final = 256  # of a stride
_BEATS: Final = 64  # of a step
_SIDES: Final = ((1.0, 0.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Population:
    """What people are drawn from. Shares are of one; a range is uniform."""

    firm_share: float = 0.15  # [U] firm holders exist
    one_handed_share: float = 0.08  # [U]
    light_mean: Range = (1.2, 4.9)  # [S] light hold is below 5 %
    firm_mean: Range = (5.0, 15.0)  # [U]
    step_ripple: Range = (0.10, 0.30)  # [U] share of the mean, both hands together; that it is periodic and one's own is [S]
    stride_ripple: Range = (0.10, 0.30)  # [U] from hand to hand
    shaky_share: float = 0.0  # firm holders with `shaky_ripple`, for the hard population
    shaky_ripple: float = 0.60
    cycle_sd: float = 0.12  # [U] from stride to stride
    wander_sd: float = 0.15  # [U] of the hold, over some 5 s
    walk_hz: Range = (1.3, 2.2)  # [U] steps per second, backward walking
    run_hz: Range = (2.6, 3.4)  # [U]
    noise_n: Range = (0.5, 2.0)  # [D] load cells of 0-500 N
    drift_n: float = 2.0  # [U] of each cell, up and down over minutes
    offset_n: float = 1.5  # [U] of each cell at rest
    put_s: Range = (0.2, 0.4)  # [U] a hand put on, or taken off
    grab_rise_s: Range = (0.06, 0.155)  # [U] 50-150 ms from 1 % to 99 %
    grab_peak: Range = (20.0, 50.0)  # [U] 15-50 %; below 20 is `weak_peak`
    weak_peak: Range = (15.0, 20.0)
    reach_s: Range = (0.3, 0.5)  # [U] from the disturbance to the rail
    tap_n: Range = (3.0, 12.0)  # [U]
    cough: Range = (2.0, 6.0)  # [U]


USUAL: Final = Population()
HARD: Final = Population(shaky_share=0.10)


@dataclass(frozen=True, slots=True)
class Someone:
    """One person and the two cells under their hands. `swings` are the ripples of left and right over a stride, as loads; `beat_error` in steps."""

    mass_kg: float
    rate_hz: float
    noise_n: float
    offsets_n: Range
    drift_n: float
    drift_s: float
    jitter_s: float
    missing: float
    firm: bool
    shaky: bool
    means: Range
    swings: tuple[tuple[float, ...], tuple[float, ...]]
    cycle_sd: float
    wander_sd: float
    walk_hz: float
    run_hz: float
    beat_error: float | None  # None: no other detector tells the rhythm


def draw(rng: random.Random, of: Population = USUAL) -> Someone:
    """One person of a population: 35 to 180 kg, a third of them heavy or light."""
    mass = min(180.0, max(35.0, rng.gauss(75.0, 14.0) if rng.random() < 0.67 else rng.uniform(35.0, 180.0)))
    shaky = rng.random() < of.shaky_share
    firm = shaky or rng.random() < of.firm_share
    mean = rng.uniform(*(of.firm_mean if firm else of.light_mean))
    share = rng.uniform(0.38, 0.62)
    if rng.random() < of.one_handed_share:
        share = float(rng.random() < 0.5)
    step = of.shaky_ripple if shaky else rng.uniform(*of.step_ripple)
    stride, bend = rng.uniform(*of.stride_ripple), rng.uniform(0.0, 0.3)
    at_step, at_stride, at_bend = (rng.uniform(0.0, _TAU) for _ in range(3))
    shape = [step / (1.0 + bend) * (math.sin(2.0 * x + at_step) + bend * math.sin(4.0 * x + at_bend)) for x in _angles()]
    skew = [stride * math.sin(x + at_stride) for x in _angles()]
    means = (mean * share, mean * (1.0 - share))
    swings = (tuple(means[0] * (a + b) for a, b in zip(shape, skew, strict=True)), tuple(means[1] * (a - b) for a, b in zip(shape, skew, strict=True)))
    return Someone(
        mass, rng.choice((100.0, 200.0)), rng.uniform(*of.noise_n), (rng.uniform(-of.offset_n, of.offset_n), rng.uniform(-of.offset_n, of.offset_n)),
        rng.uniform(0.0, of.drift_n), rng.uniform(120.0, 900.0), rng.choice((0.0, 0.002, 0.005)), 0.002, firm, shaky, means, swings,
        of.cycle_sd, of.wander_sd, rng.uniform(*of.walk_hz), rng.uniform(*of.run_hz), rng.choice((None, 0.03, 0.03, 0.08)),
    )  # fmt: skip


def _angles() -> list[float]:
    return [_TAU * (k + 0.5) / _TABLE for k in range(_TABLE)]


@dataclass(frozen=True, slots=True)
class Move:
    """From `at_s` on, a hand's hold (0 left, 1 right) goes to `to` times its usual within `lasts_s`."""

    at_s: float
    side: int
    to: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Press:
    """Load on top of the hold: from `at_s` up to `left`, `right` within `rise_s` each (the second hand `lag_s` later), then easing to `rest` of it.

    `shape`: 0 smooth step, 1 half a cosine, 2 fast first. `until_s`: let go over `fall_s`.
    """

    at_s: float
    left: float
    right: float
    rise_s: float
    rest: float = 0.55
    ease_s: float = 0.8
    until_s: float = math.inf
    fall_s: float = 0.08
    shape: int = 0
    lags_s: Range = (0.0, 0.0)

    def level(self, since_s: float) -> float:
        """Share of the peak so long after the start."""
        if since_s <= 0.0:
            return 0.0
        p = since_s / self.rise_s
        if p < 1.0:
            return (p * p * (3.0 - 2.0 * p), 0.5 - 0.5 * math.cos(math.pi * p), p * (2.0 - p))[self.shape]
        level = self.rest + (1.0 - self.rest) * math.exp(-(since_s - self.rise_s) / self.ease_s)
        return level * max(0.0, 1.0 - max(0.0, since_s + self.at_s - self.until_s) / self.fall_s)


@dataclass(slots=True)
class Plan:
    """What the hands do beside holding, in seconds from the start of an episode."""

    moves: list[Move] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    step_hz: float | None = None  # the rhythm to go over to, within some 2 s
    ripple: float | None = None  # times the usual


class Walker:
    """Somebody walking, episode after episode, with one clock."""

    __slots__ = ("_amp", "_noise", "_rng", "_wander", "hz", "now_s", "on", "phase", "ripple", "who")

    def __init__(self, who: Someone, rng: random.Random) -> None:
        self.who = who
        self.now_s = rng.uniform(0.0, 1000.0)
        self.on = [1.0, 1.0]
        self.hz = who.walk_hz
        self.phase = rng.random()
        self.ripple = 1.0
        self._rng = rng
        percent = 100.0 / (who.mass_kg * STANDARD_GRAVITY_MPS2)
        self._noise = [rng.gauss(0.0, who.noise_n * percent) for _ in range(8192)]
        self._amp = self._wander = 1.0

    def episode(self, seconds: float, hands: Hands, plan: Plan | None = None, truth: str = "", from_s: float = 0.0) -> Iterator[Sample]:
        """Samples of so many seconds. `truth` labels those from `from_s` on, or, for a grab, from the first whose load without noise is 1 % above the hold."""
        who, rng, on, noise = self.who, self._rng, self.on, self._noise
        plan = plan or Plan()
        random_, bits = rng.random, rng.getrandbits
        percent = 100.0 / (who.mass_kg * STANDARD_GRAVITY_MPS2)
        dt = 1.0 / who.rate_hz
        (mean_l, mean_r), (swing_l, swing_r) = who.means, who.swings
        ready = (on[0], on[1])
        moves, presses = sorted(plan.moves, key=lambda m: m.at_s), plan.presses
        going: list[tuple[Move, float]] = []
        hz_to, ripple_to = plan.step_hz or self.hz, self.ripple if plan.ripple is None else plan.ripple
        phase, amp, wander = self.phase, self._amp, self._wander
        amp_to, wander_to, pace = amp, wander, 1.0
        start, now, steps = self.now_s, self.now_s, round(seconds * who.rate_hz)
        drift_rate, begun = _TAU / who.drift_s, False
        beats, beat_shift, heard = self._beats(hz_to), 0.0, True
        for k in range(1, steps + 1):
            now = start + k * dt
            since = now - start
            self.hz += (hz_to - self.hz) * dt / 0.7
            self.ripple += (ripple_to - self.ripple) * dt / 0.7
            phase += 0.5 * self.hz * pace * dt
            if phase >= 1.0:
                phase -= 1.0
                pace = 1.0 + rng.gauss(0.0, 0.02)
                amp_to = max(0.0, 1.0 + rng.gauss(0.0, who.cycle_sd))
                wander_to = max(0.5, wander_to + 0.2 * (1.0 - wander_to) + rng.gauss(0.0, 0.6 * who.wander_sd))
                if who.beat_error is not None:
                    beat_shift, heard = rng.gauss(0.0, who.beat_error), random_() > 0.03
            amp += (amp_to - amp) * dt * 4.0
            wander += (wander_to - wander) * dt * 2.0
            while moves and moves[0].at_s <= since:
                move = moves.pop(0)
                going = [(m, f) for m, f in going if m.side != move.side]
                going.append((move, on[move.side]))
            for move, was in going:
                p = min(1.0, (since - move.at_s) / move.lasts_s)
                on[move.side] = was + (move.to - was) * (0.5 - 0.5 * math.cos(math.pi * p))
            if going:
                going = [(m, f) for m, f in going if since - m.at_s < m.lasts_s]
            i = int(phase * _TABLE)
            scale = amp * self.ripple
            hold_l, hold_r = max(0.0, (mean_l + swing_l[i] * scale) * wander), max(0.0, (mean_r + swing_r[i] * scale) * wander)
            left, right = hold_l * on[0], hold_r * on[1]
            for press in presses:
                if press.at_s < since < press.until_s + press.fall_s:
                    left += press.left * press.level(since - press.at_s - press.lags_s[0])
                    right += press.right * press.level(since - press.at_s - press.lags_s[1])
            if truth and not begun:
                begun = left + right - hold_l * ready[0] - hold_r * ready[1] >= 1.0 if truth in GRABS and since >= from_s else since >= from_s
            if random_() < who.missing:
                continue
            drift = who.drift_n * math.sin(drift_rate * now)
            yield (
                now + (random_() - 0.5) * min(who.jitter_s, 0.98 * dt),
                left + noise[bits(13)] + percent * (who.offsets_n[0] + drift),
                right + noise[bits(13)] + percent * (who.offsets_n[1] - drift),
                hands,
                beats[int((2.0 * phase + beat_shift) * _BEATS) % _BEATS] if beats and heard else None,
                truth if begun else "",
            )
        self.now_s, self.phase, self._amp, self._wander = now, phase, amp, wander

    def _beats(self, hz: float) -> list[Beat]:
        return [] if self.who.beat_error is None else [Beat(hz, (k + 0.5) / _BEATS) for k in range(_BEATS)]


GRABS: Final = ("grab", "weak_grab")


def put(rng: random.Random, at_s: float, to: float, of: Population = USUAL) -> list[Move]:
    """Both hands go on (1) or off (0), together or one after the other."""
    return [Move(at_s + rng.choice((0.0, rng.uniform(0.0, 0.4))), side, to, rng.uniform(*of.put_s)) for side in (0, 1)]


def changing(rng: random.Random, seconds: float, on: bool) -> Plan:
    """Hands go on and off about every 20 s."""
    plan, at_s = Plan(), rng.expovariate(1.0 / 10.0)
    while at_s < seconds - 1.0:
        plan.moves += put(rng, at_s, 0.0 if on else 1.0)
        on, at_s = not on, at_s + 1.0 + rng.expovariate(1.0 / 19.0)
    return plan


def regrips(rng: random.Random, seconds: float) -> Plan:
    """A hand, now and then both, leaves the rail for less than 0.35 s and returns, a little harder at first [U]."""
    plan, at_s = Plan(), rng.uniform(1.0, 8.0)
    while at_s < seconds - 2.0:
        for side in (0, 1) if rng.random() < 0.3 else (rng.randrange(2),):
            off, gap, back = rng.uniform(0.06, 0.12), rng.uniform(0.0, 0.12), rng.uniform(0.08, 0.16)
            plan.moves += [Move(at_s, side, rng.uniform(0.0, 0.3), off), Move(at_s + off + gap, side, rng.uniform(1.0, 1.2), back)]
            plan.moves.append(Move(at_s + off + gap + back, side, 1.0, 0.2))
        at_s += rng.uniform(2.0, 12.0)
    return plan


def scratches(rng: random.Random, seconds: float) -> Plan:
    """One hand to the nose and back within 0.4 s [U]."""
    plan, at_s = Plan(), rng.uniform(1.0, 8.0)
    while at_s < seconds - 2.0:
        side, off, back = rng.randrange(2), rng.uniform(0.08, 0.12), rng.uniform(0.1, 0.15)
        plan.moves += [Move(at_s, side, 0.0, off), Move(at_s + rng.uniform(off, 0.4 - back), side, 1.0, back)]
        at_s += rng.uniform(3.0, 12.0)
    return plan


def bouts(rng: random.Random, seconds: float, size: Range, rate_hz: Range, pulses: tuple[int, int]) -> Plan:
    """Coughs or laughter: bouts of pulses on both hands [U]."""
    plan, at_s = Plan(), rng.uniform(1.0, 6.0)
    while at_s < seconds - 3.0:
        pulse_s = at_s
        for _ in range(rng.randint(*pulses)):
            peak, share, rise = rng.uniform(*size), rng.uniform(0.3, 0.7), rng.uniform(0.04, 0.08)
            plan.presses.append(Press(pulse_s, peak * share, peak * (1.0 - share), rise, 0.0, 0.04, pulse_s + rise + 0.2))
            pulse_s += 1.0 / rng.uniform(*rate_hz)
        at_s = pulse_s + rng.uniform(3.0, 15.0)
    return plan


def taps(rng: random.Random, seconds: float, percent_per_n: float, of: Population = USUAL) -> Plan:
    """Fingers drumming lightly, one hand or the other [U]."""
    plan, at_s = Plan(), 0.5
    while at_s < seconds - 1.0:
        for _ in range(rng.randint(3, 10)):
            load, rise, (left, right) = rng.uniform(*of.tap_n) * percent_per_n, rng.uniform(0.015, 0.03), rng.choice(_SIDES)
            plan.presses.append(Press(at_s, load * left, load * right, rise, 0.0, 0.02, at_s + rise + 0.08, 0.02))
            at_s += rng.uniform(0.12, 0.6)
        at_s += rng.uniform(2.0, 15.0)
    return plan


def easing(rng: random.Random, seconds: float) -> Plan:
    """The hold gets lighter or firmer over 1.5 to 4 s [U]."""
    moves, at_s = [], rng.uniform(1.0, 6.0)
    while at_s < seconds - 5.0:
        to = rng.uniform(0.6, 1.3)
        moves += [Move(at_s, side, to, rng.uniform(1.5, 4.0)) for side in (0, 1)]
        at_s += rng.uniform(6.0, 15.0)
    return Plan([*moves, Move(seconds - 2.0, 0, 1.0, 1.5), Move(seconds - 2.0, 1, 1.0, 1.5)])


def grab(rng: random.Random, at_s: float, weak: bool, holding: bool, of: Population = USUAL) -> Plan:
    """Balance goes, and `reach_s` later one hand or both are on the rail. The disturbance is at `at_s`; a hand that was `holding` may first be lifted."""
    contact_s, peak = at_s + rng.uniform(*of.reach_s), rng.uniform(*(of.weak_peak if weak else of.grab_peak))
    rise_s = rng.uniform(*of.grab_rise_s)
    lag_s = rng.choice((0.0, rng.uniform(0.0, 0.3))) * rise_s
    share = rng.uniform(0.25, 0.75) if rng.random() < 0.6 else float(rng.random() < 0.5)
    lags = (lag_s, 0.0) if share < 0.5 else (0.0, lag_s)
    if share in {0.0, 1.0}:
        lag_s, lags = 0.0, (0.0, 0.0)
    lifted = [Move(contact_s - 0.12, rng.randrange(2), rng.uniform(0.4, 1.0), 0.1)] if holding and rng.random() < 0.3 else []
    press = Press(contact_s, peak * share, peak * (1.0 - share), rise_s - lag_s, rng.uniform(0.4, 0.8), 0.8, shape=rng.randrange(3), lags_s=lags)
    return Plan(lifted, [press])


def lean(rng: random.Random, at_s: float) -> Plan:
    """Tired: 10 to 30 % more on the rails within 1 to 3 s."""
    load, share = rng.uniform(10.0, 30.0), rng.uniform(0.3, 0.7)
    return Plan([], [Press(at_s, load * share, load * (1.0 - share), rng.uniform(1.0, 3.0), 0.9, 5.0)])


def lurch(rng: random.Random, at_s: float) -> Plan:
    """The body goes to one side: one hand takes 12-25 % while the other comes off."""
    side, load = rng.randrange(2), rng.uniform(12.0, 25.0)
    left, right = _SIDES[side]
    rise_s = rng.uniform(0.08, 0.16)
    return Plan([Move(at_s, 1 - side, 0.0, rise_s)], [Press(at_s, load * left, load * right, rise_s)])


def pumping(rng: random.Random, at_s: float, step_hz: float) -> Plan:
    """Hands load in turns, once a stride each, harder every time, over six strides."""
    plan, size, growth = Plan(), rng.uniform(1.5, 3.0), rng.uniform(1.2, 1.4)
    for k in range(12):
        left, right = _SIDES[k % 2]
        load = min(size * growth**k, 20.0)
        begin_s = at_s + k / step_hz
        plan.presses.append(Press(begin_s, load * left, load * right, 0.45 / step_hz, 1.0, 1.0, begin_s + 0.45 / step_hz, 0.45 / step_hz))
    return plan
