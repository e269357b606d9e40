"""What a fall detector is worth on a treadmill: belt speed and belt travel at impact with its alarms and without, on the simulated belt.

A stop seldom prevents the fall it answers; it decides how fast the belt still is. So the leads of a detector (seconds before impact, measured on
recordings) are played into simulated falls for each speed, way of facing and kind of stop. What is simulated and what is assumed stands in
docs/explanation/closed-loop.md. The simulated treadmill is a process of its own, asked once.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from treadctl.errors import TreadctlError

MODULE: Final = "treadctl_hil.falls"
ALARM_S: Final = {"lead_s": (-10.0, 2.0), "onset_s": (0.0, 10.0)}  # what the simulated treadmill plays; leads beyond are cut to it, which gives nothing away
PROCESS_LIMIT_S: Final = 600.0

Weighed = list[tuple[dict[str, Any], float]]
Process = Callable[[dict[str, Any]], dict[str, Any]]
StopName = Literal["none", "SS1", "SS1_FAST", "STO"]
STOPS: Final[dict[StopName, str]] = {"none": "none", "SS1": "ramp_stop", "SS1_FAST": "fast_stop", "STO": "coast"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way of being on the belt."""

    gait: Literal["backward", "forward"]
    direction: Literal["reverse", "forward"]
    facing: Literal["console", "rear"]

    def __str__(self) -> str:
        return f"{self.gait} gait, belt in {self.direction}, facing the {self.facing}"


WAYS: Final = (Way("backward", "reverse", "console"), Way("backward", "forward", "rear"), Way("forward", "forward", "console"))


@dataclass(frozen=True, slots=True)
class Setting:
    """The treadmill and the person the falls are played with. Defaults are those of the simulated clinic treadmill.

    `command_latency`: seconds, or "measured" = the spread of 99 commands to a laboratory belt, or None = the belt's own default. `decision_s`:
    from the detector's alarm to the stop on the wire. `draws`: simulated persons for each cell, each with a lead of its own.
    """

    belt: Literal["clinic", "laboratory"] = "clinic"
    speeds_mps: tuple[float, ...] = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
    ways: tuple[Way, ...] = WAYS
    deck_m: float = 1.5
    mass_kg: float = 75.0
    command_latency: float | Literal["measured"] | None = None
    decision_s: float = 0.03
    ramp_stop_mps2: float = 0.9
    fast_stop_mps2: float = 2.0
    cord: Literal["power_cut", "fast_stop", "none"] = "power_cut"
    attendant_s: float | None = 1.5
    draws: int = 10
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and the value 90 % do not exceed, with how many plays they come from; None where there were none."""

    p50: float | None
    p90: float | None
    plays: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms played: how many falls they come from, the share missed, and quantiles of what was not missed, s."""

    events: int
    missed_share: float
    p10_s: float | None
    p50_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a table: a speed, a way, a stop; `stop` "none" is the treadmill without a detector.

    Falls hold the misses by their share; of losses of balance only `recovered_share` does, and the figures are of the caught who fell all the same.
    `before_m` is the belt's way from the stop order to impact (caught falls only), `under_body_m` from impact until the belt stands or the body
    has left it, `after_m` from impact to standstill, empty belt included. `recovered_share` is of those who lost balance, None for falls.
    """

    way: Way
    speed_mps: float
    stop: StopName
    impact_mps: Spread
    before_m: Spread
    under_body_m: Spread
    after_m: Spread
    rest_s: Spread
    cord_share: float
    off_belt_share: float
    never_at_rest_share: float
    recovered_share: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The outcome of a detector on the simulated treadmill. `falls` is empty without leads, `losses` without onsets."""

    setting: Setting
    leads: Alarms
    onsets: Alarms
    falls: tuple[Cell, ...]
    losses: tuple[Cell, ...]


def simulated(document: dict[str, Any]) -> dict[str, Any]:
    """Ask the simulated treadmill. Raises TreadctlError where it is not installed, refuses, or answers nonsense."""
    if importlib.util.find_spec(MODULE.partition(".")[0]) is None:
        raise TreadctlError("extra_missing", "closed loop", f"the simulated treadmill, python -m {MODULE}, is not there; it ships with treadctl")
    command = [sys.executable, "-m", MODULE]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, input=json.dumps(document), capture_output=True, text=True, check=False, timeout=PROCESS_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise TreadctlError("bad_message", MODULE, f"no answer within {PROCESS_LIMIT_S:.0f} s") from None
    if done.returncode != 0:
        raise TreadctlError("bad_message", MODULE, (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1])
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise TreadctlError("bad_message", MODULE, str(error)) from None
    if not isinstance(answer, dict) or answer.get("format") != 1:
        raise TreadctlError("bad_message", MODULE, "an answer of another format")
    return answer


def closed_loop(
    leads_s: Sequence[float | None], onsets_s: Sequence[float | None] = (), setting: Setting = Setting(), process: Process = simulated
) -> Table:
    """Play a detector's alarms into simulated falls.

    `leads_s`: for each recorded fall the alarm's lead before impact, s, negative = after it, None = missed. `onsets_s`: for a detector that sees
    the grab for a rail, for each recorded loss of balance the alarm's delay after it, None = missed. Takes some twenty seconds for each kind.
    Raises TreadctlError for no alarms at all, a number that is not finite, or a simulated treadmill that does not answer.
    """
    if not leads_s and not onsets_s:
        raise TreadctlError("bad_value", "closed loop > leads", "there is not one fall")
    for name, values in (("leads", leads_s), ("onsets", onsets_s)):
        for k, value in enumerate(values):
            if value is not None and not (math.isfinite(value) and (name == "leads" or value >= 0.0)):
                raise TreadctlError("bad_value", f"closed loop > {name}[{k}]", f"{value!r} is no time of an alarm")
    kinds = [(key, values) for key, values in (("lead_s", leads_s), ("onset_s", onsets_s)) if values]
    cases = [case for key, values in kinds for case in _cases(key, values, setting)]
    answer = process({"format": 1, "seed": setting.seed, "cases": cases})
    try:
        rows = {str(row["id"]): row for row in answer["cases"]}
        falls = _cells("lead_s", leads_s, setting, rows) if leads_s else ()
        losses = _cells("onset_s", onsets_s, setting, rows) if onsets_s else ()
    except (KeyError, TypeError) as error:
        raise TreadctlError("bad_message", MODULE, f"the answer lacks {error}") from None
    return Table(setting, _alarms(leads_s), _alarms(onsets_s), falls, losses)


def quantile(ordered: Sequence[float], part: float) -> float:
    """By nearest rank, of at least one ordered value."""
    return ordered[min(len(ordered) - 1, max(0, math.ceil(round(part * len(ordered), 9)) - 1))]


def _caught(values: Sequence[float | None]) -> list[float]:
    return sorted(value for value in values if value is not None)


def _alarms(values: Sequence[float | None]) -> Alarms:
    caught = _caught(values)
    p10, p50, p90 = (quantile(caught, part) if caught else None for part in (0.1, 0.5, 0.9))
    return Alarms(len(values), 1.0 - len(caught) / len(values) if values else 0.0, p10, p50, p90)


def _levels(values: Sequence[float | None], draws: int) -> list[float]:
    """One time for each simulated person, spread evenly over the quantiles of the alarms that came."""
    caught = _caught(values)
    return [quantile(caught, (k + 0.5) / draws) for k in range(draws)] if caught else []


def _name(key: str, way: Way, speed_mps: float, stop: str, k: int) -> str:
    return f"{key} {way.direction} {way.facing} {speed_mps:g} {stop} {k}"


def _cases(key: str, values: Sequence[float | None], setting: Setting) -> list[dict[str, Any]]:
    common: dict[str, Any] = {
        "belt": setting.belt, "deck_m": setting.deck_m, "mass_kg": setting.mass_kg, "decision_s": setting.decision_s, "cord": setting.cord,
        "ramp_stop_mps2": setting.ramp_stop_mps2, "fast_stop_mps2": setting.fast_stop_mps2, "attendant_s": setting.attendant_s,
    }  # fmt: skip
    if setting.command_latency is not None:
        common["command_latency"] = setting.command_latency
    levels = _levels(values, setting.draws)
    low, high = ALARM_S[key]
    cases = []
    for way in setting.ways:
        for speed_mps in setting.speeds_mps:
            for k in range(setting.draws):
                person = common | {"speed_mps": speed_mps, "direction": way.direction, "facing": way.facing, "seed": setting.seed + k}
                for stop, order in STOPS.items():
                    if stop == "none" or levels:
                        at_s = None if stop == "none" else min(high, max(low, levels[k]))
                        cases.append(person | {"id": _name(key, way, speed_mps, stop, k), "stop": order, key: at_s})
    return cases


def _cells(key: str, values: Sequence[float | None], setting: Setting, rows: dict[str, dict[str, Any]]) -> tuple[Cell, ...]:
    missed = _alarms(values).missed_share
    cells = []
    for way in setting.ways:
        for speed_mps in setting.speeds_mps:
            plain = [rows[_name(key, way, speed_mps, "none", k)] for k in range(setting.draws)]
            for stop in STOPS:
                caught = [(row, 1.0) for row in plain]
                lost: list[tuple[dict[str, Any], float]] = []
                if stop != "none":
                    stopped = [rows[_name(key, way, speed_mps, stop, k)] for k in range(setting.draws)] if missed < 1.0 else []
                    caught = [(row, 1.0 - missed) for row in stopped]
                    lost = [(row, missed) for row in plain if missed > 0.0]
                cells.append(_loss(way, speed_mps, stop, caught, lost) if key == "onset_s" else _cell(way, speed_mps, stop, caught + lost))
    return tuple(cells)


def _cell(way: Way, speed_mps: float, stop: StopName, weighed: Weighed) -> Cell:
    def spread(key: str) -> Spread:
        return _spread([(float(row[key]), weight) for row, weight in weighed if row[key] is not None])

    return Cell(
        way, speed_mps, stop, spread("speed_at_impact_mps"), spread("travel_order_to_impact_m"), spread("travel_under_body_m"),
        spread("travel_impact_to_rest_m"), spread("impact_to_rest_s"), _share(weighed, "cord_pulled", True), _share(weighed, "body", "off_belt"),
        _share(weighed, "at_rest", False),
    )  # fmt: skip


def _loss(way: Way, speed_mps: float, stop: StopName, caught: Weighed, lost: Weighed) -> Cell:
    """Figures of those who fell in spite of the stop: mixed with the missed they would hide that nobody else did."""
    return replace(_cell(way, speed_mps, stop, caught), recovered_share=_share(caught + lost, "outcome", "recovered"))


def _share(weighed: Weighed, key: str, value: object) -> float:
    total = sum(weight for _, weight in weighed)
    return sum(weight for row, weight in weighed if row[key] == value) / total if total > 0.0 else 0.0


def _spread(weighed: list[tuple[float, float]]) -> Spread:
    """Weighted quantiles by nearest rank."""
    if not weighed:
        return Spread(None, None, 0)
    ordered = sorted(weighed)
    total = sum(weight for _, weight in ordered)

    def at(part: float) -> float:
        reached = 0.0
        for value, weight in ordered:
            reached += weight
            if reached >= part * total - 1e-9:
                return value
        return ordered[-1][0]

    return Spread(at(0.5), at(0.9), len(ordered))
