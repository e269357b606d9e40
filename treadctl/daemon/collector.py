"""Collector: keeps the newest reading of every channel with its instant, and makes one coherent `Sample` of them for a step."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

from treadctl.core.sample import CONTACT_CHANNELS, Channel, ChannelId, DriveSample, DriveState, Quality, Sample
from treadctl.ports import ChannelReading, DriveReport, SensorFrame

_LEVELS = frozenset(ChannelId) - CONTACT_CHANNELS


class Haste(IntEnum):
    """How soon the core should look at what just came."""

    NONE = 0  # at the next tick
    MOVING = 1  # at once while somebody is being moved: levels are watched sample by sample
    ALWAYS = 2  # at once: something changed


class Collector:
    """Newest readings by channel. `take_*` say how soon the core should look."""

    def __init__(self, fitted: frozenset[ChannelId]) -> None:
        self._fitted = tuple(c for c in ChannelId if c in fitted)
        self._latest: dict[ChannelId, tuple[float, ChannelReading]] = {}
        self._report: DriveReport | None = None

    def take_frame(self, frame: SensorFrame) -> Haste:
        """Keep a sensor frame: ALWAYS when a contact or a quality changed, MOVING when it carries a level or the belt."""
        haste = Haste.NONE
        for reading in frame.readings:
            known = self._latest.get(reading.channel)
            if known is None or known[1].quality is not reading.quality:
                haste = Haste.ALWAYS
            elif reading.channel in _LEVELS:
                haste = max(haste, Haste.MOVING)
            elif known[1].value is not reading.value:
                haste = Haste.ALWAYS
            self._latest[reading.channel] = (frame.at_s, reading)
        return haste

    def take_report(self, report: DriveReport) -> bool:
        """Keep a drive report. True when it says something new besides another measurement of the same kind."""
        old, self._report = self._report, report
        if old is None or report.quality is not old.quality or report.identified is not old.identified:
            return True
        if report.confirmed_order != old.confirmed_order or report.watchdog_s != old.watchdog_s:
            return True
        if report.status is None or old.status is None:
            return report.status is not old.status
        return report.status.state is not old.status.state or report.status.state is DriveState.FAULT

    def sample(self, now_s: float) -> Sample:
        """Everything measured, as it stands at `now_s`. What is not fitted or never came stays absent."""
        channels: dict[str, Any] = {}
        for channel in self._fitted:
            known = self._latest.get(channel)
            if known is not None:
                at_s, reading = known
                channels[channel.value] = Channel(reading.value, _age(now_s, at_s), reading.quality)
        report = self._report
        if report is None:
            return Sample(**channels)
        status = Channel(report.status, _age(now_s, report.at_s), report.quality if report.status is not None else Quality.ABSENT)
        return Sample(DriveSample(status, report.identified, report.watchdog_s, report.confirmed_order), **channels)


def _age(now_s: float, at_s: float) -> float:
    """Seconds since `at_s`. A reading dated after now (two clocks read in the other order) is of age zero; a NaN stays a NaN."""
    age = now_s - at_s
    return 0.0 if -0.001 < age < 0.0 else age if age >= 0.0 else math.nan
