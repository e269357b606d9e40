"""Order and time of sensor lines: gaps, repeats, steps back, and the board's milliseconds on the host's clock. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from treadctl_drivers.sensor_board.lines import SEQ_MODULUS, T_MODULUS, SensorLine

DRIFT_ALLOWED: Final = 500e-6
"""How much faster than the board's the host's clock may run. Crystals are within 100 ppm ([K]); ceramic resonators are not, and show up as age."""
JUMP_S: Final = 0.05
"""A board clock that gains this much at once has jumped: latency can only fall by as much as it had risen before."""
SETTLING_LINES: Final = 50
"""Lines until the smallest delay counts as known: a burst of lines buffered before we opened the port looks like a shrinking delay."""
RESYNC_S: Final = 1.0
"""Silence of valid lines after which a new order is accepted. Longer than any age limit of a safety channel, so the interlock has acted by then."""
RESYNC_LINES: Final = 3


class Verdict(Enum):
    """What the timeline thinks of a line."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"  # same sequence number again
    STEPPED_BACK = "stepped_back"  # sequence or board clock went backward
    CLOCK_JUMPED = "clock_jumped"  # the board's clock gained time
    RESYNCING = "resyncing"  # a new order is being learned


@dataclass(slots=True)
class TimelineCounters:
    """What the timeline met since it was made."""

    gaps: int = 0  # lines missing
    refused: int = 0
    resyncs: int = 0


class BoardTimeline:
    """Judges each valid line and dates it on the host's clock.

    The delay between sampling and receipt is never known, only its smallest value so far is taken as zero: `at_s` = board time + the smallest
    offset seen, allowed to creep by `DRIFT_ALLOWED`. So a line that was held up anywhere is *old*, it does not pretend to be new, and `at_s` is never
    later than receipt. A board clock that stands still or falls behind makes lines older and older; one that jumps ahead is refused until lines
    have been missing for `RESYNC_S`.
    """

    __slots__ = ("_accepted_at_s", "_accepted_lines", "_candidate", "_candidates", "_last", "_offset_at_s", "_offset_s", "_wraps_ms", "counters")

    def __init__(self) -> None:
        self.counters = TimelineCounters()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the counters: the link was opened anew."""
        self._last: SensorLine | None = None
        self._candidate: SensorLine | None = None
        self._candidates = 0
        self._accepted_lines = 0
        self._accepted_at_s = 0.0
        self._wraps_ms = 0
        self._offset_s = 0.0
        self._offset_at_s = 0.0

    def place(self, line: SensorLine, received_s: float) -> tuple[Verdict, float]:
        """The verdict on a line received at `received_s`, and the instant it was sampled, s; the instant means something only where accepted."""
        last = self._last
        if last is None:
            self._begin(line, received_s)
            return Verdict.ACCEPTED, received_s
        verdict = self._order(last, line)
        if verdict is Verdict.ACCEPTED:
            at_s = self._date(last, line, received_s)
            if at_s is not None:
                self.counters.gaps += (line.seq - last.seq) % SEQ_MODULUS - 1
                self._last = line
                self._accepted_at_s = received_s
                self._accepted_lines += 1
                self._candidate = None
                return Verdict.ACCEPTED, at_s
            verdict = Verdict.CLOCK_JUMPED
        return self._refuse(verdict, line, received_s)

    @staticmethod
    def _order(last: SensorLine, line: SensorLine) -> Verdict:
        step = (line.seq - last.seq) % SEQ_MODULUS
        if step == 0:
            return Verdict.REPEATED
        if step >= SEQ_MODULUS // 2 or (line.t_ms - last.t_ms) % T_MODULUS >= T_MODULUS // 2:
            return Verdict.STEPPED_BACK
        return Verdict.ACCEPTED

    def _date(self, last: SensorLine, line: SensorLine, received_s: float) -> float | None:
        wraps_ms = self._wraps_ms + (T_MODULUS if line.t_ms < last.t_ms else 0)
        board_s = (line.t_ms + wraps_ms) / 1000.0
        offset_s = received_s - board_s
        crept_s = self._offset_s + DRIFT_ALLOWED * max(0.0, received_s - self._offset_at_s)
        if self._accepted_lines >= SETTLING_LINES and offset_s < crept_s - JUMP_S:
            return None
        self._wraps_ms = wraps_ms
        self._offset_s = min(crept_s, offset_s)
        self._offset_at_s = received_s
        return min(board_s + self._offset_s, received_s)

    def _begin(self, line: SensorLine, received_s: float) -> None:
        self._last = line
        self._candidate = None
        self._candidates = 0
        self._accepted_lines = 1
        self._accepted_at_s = received_s
        self._wraps_ms = 0
        self._offset_s = received_s - line.t_ms / 1000.0
        self._offset_at_s = received_s

    def _refuse(self, verdict: Verdict, line: SensorLine, received_s: float) -> tuple[Verdict, float]:
        self.counters.refused += 1
        if not received_s - self._accepted_at_s > RESYNC_S:
            return verdict, received_s
        before = self._candidate
        self._candidates = self._candidates + 1 if before is not None and self._order(before, line) is Verdict.ACCEPTED else 1
        self._candidate = line
        if self._candidates < RESYNC_LINES:
            return Verdict.RESYNCING, received_s
        self.counters.resyncs += 1
        self._begin(line, received_s)
        return Verdict.ACCEPTED, received_s
