"""What the hands press on the two rails: a light, rhythmic hold that is this person's own, and short grabs."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

_TAU = 2.0 * math.pi


@dataclass(frozen=True, slots=True)
class Burst:
    """One grab: starts at `onset_s`, reaches its peaks (N) after `rise_s`, eases with `ease_s` to `rest` of the peak, is let go over 80 ms from `release_s`."""

    onset_s: float
    rise_s: float
    left_n: float
    right_n: float
    ease_s: float
    rest: float
    release_s: float = math.inf

    def level(self, at_s: float) -> float:
        """Share of the peak at an instant, 0 to 1."""
        since = at_s - self.onset_s
        if since <= 0.0:
            return 0.0
        if since < self.rise_s:
            p = since / self.rise_s
            return p * p * (3.0 - 2.0 * p)
        level = self.rest + (1.0 - self.rest) * math.exp(-(since - self.rise_s) / self.ease_s)
        return level * max(0.0, 1.0 - max(0.0, at_s - self.release_s) / 0.08)


class Hands:
    """Light hold: a mean of 2-4 % of body weight, always under 5 %, with ripple at step and stride frequency; its shape is drawn once per person.

    Sources: light hold below 5 % of body weight, periodic and repeating within a person [S]; sizes of a grab, 15-50 % of body weight, and its
    rise in 50-150 ms are orders of magnitude [U].
    """

    __slots__ = ("_hold_changed_s", "_means_n", "_ripples", "_rng", "_weight_n", "bursts", "on")

    def __init__(self, weight_n: float, rng: random.Random) -> None:
        self._rng = rng
        self._weight_n = weight_n
        total_n = weight_n * rng.uniform(0.020, 0.032)
        share = rng.uniform(0.40, 0.60)
        self._means_n = (total_n * share, total_n * (1.0 - share))
        stride_phase = rng.uniform(0.0, _TAU)
        self._ripples = [(rng.uniform(0.10, 0.22), stride_phase + side * math.pi, rng.uniform(0.10, 0.22), rng.uniform(0.0, _TAU)) for side in (0, 1)]
        self._hold_changed_s = -math.inf
        self.on = False
        self.bursts: list[Burst] = []

    def hold(self, on: bool, now_s: float) -> None:
        """Put the hands on the rails, or take them off, over a third of a second."""
        if on != self.on:
            self.on = on
            self._hold_changed_s = now_s

    def tear_off(self, now_s: float) -> None:
        """The person goes down: the hands lose the rail."""
        self.hold(False, now_s)
        self.release(now_s)

    def release(self, now_s: float) -> None:
        """Let go of whatever was grabbed."""
        self.bursts = [b if b.release_s < math.inf else replace(b, release_s=now_s) for b in self.bursts if b.onset_s < now_s]

    def grab(self, onset_s: float) -> float:
        """Schedule the grab of somebody losing balance; returns its peak as a share of body weight (both hands together)."""
        peak_bw = self._rng.uniform(0.28, 0.50)
        self._burst(onset_s, self._rng.uniform(0.05, 0.15), peak_bw, self._rng.uniform(0.65, 0.85), ease_s=0.8, rest=0.55)
        return peak_bw

    def touch(self, onset_s: float) -> None:
        """Schedule the short, smaller load of a stumble: 6-11 % of body weight for some 0.3 s."""
        self._burst(onset_s, self._rng.uniform(0.06, 0.12), self._rng.uniform(0.06, 0.11), self._rng.uniform(0.6, 0.8), ease_s=0.15, rest=0.0,
                    release_s=onset_s + self._rng.uniform(0.25, 0.4))

    def rock(self, onset_s: float, each_s: float) -> None:
        """Schedule eight pushes, left and right in turns, from 3 to 12 % of body weight, each a fifth harder than the last [U]."""
        for k in range(8):
            begun_s, right = onset_s + k * each_s, float(k % 2)
            peak_n = 0.03 * 1.22**k * self._weight_n
            self.bursts.append(Burst(begun_s, 0.6 * each_s, peak_n * (1.0 - right), peak_n * right, 1.0, 1.0, begun_s + 0.85 * each_s))

    def _burst(self, onset_s: float, rise_s: float, peak_bw: float, dominant: float, ease_s: float, rest: float, release_s: float = math.inf) -> None:
        left = dominant if self._rng.random() < 0.5 else 1.0 - dominant
        peak_n = peak_bw * self._weight_n
        self.bursts.append(Burst(onset_s, rise_s, peak_n * left, peak_n * (1.0 - left), ease_s, rest, release_s))

    def grip_level(self, now_s: float) -> float:
        """How much of a grab is there, 0 to 1."""
        return max((b.level(now_s) for b in self.bursts), default=0.0)

    def loads_n(self, now_s: float, stride_phase: float, stepping: bool) -> tuple[float, float]:
        """Left and right load. `stride_phase` runs 0 to 1 over two steps."""
        if self.bursts and self.bursts[0].release_s + 1.0 < now_s:
            self.bursts.pop(0)
        fade = min(1.0, (now_s - self._hold_changed_s) / 0.33)
        hold = fade if self.on else 1.0 - fade
        loads = [0.0, 0.0]
        for side in (0, 1):
            if hold > 0.0:
                a, phase, b, other = self._ripples[side]
                swing = a * math.sin(_TAU * stride_phase + phase) + b * math.sin(2.0 * _TAU * stride_phase + other) if stepping else 0.0
                loads[side] = hold * self._means_n[side] * (1.0 + swing)
            for burst in self.bursts:
                loads[side] += (burst.left_n if side == 0 else burst.right_n) * burst.level(now_s)
        return loads[0], loads[1]
