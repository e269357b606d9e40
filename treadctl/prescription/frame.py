"""The machine as a prescription sees it: its limits, its deck, how late it slows, what is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.config.machine import MachineConfig
from treadctl.core.limits import Limits
from treadctl.core.sample import ChannelId

DECISION_S: Final = 0.1
"""From a sensor's edge to the stop frame's last byte on the wire, rounded up: a poll in flight at 9600 baud and one step of the loop. Derived."""


@dataclass(frozen=True, slots=True)
class MachineFrame:
    """What a profile is judged against. Lengths m, times s. `stop_reaction_s` is from the stop command to the belt slowing, as commissioned."""

    name: str
    limits: Limits
    deck_length_m: float
    stop_reaction_s: float
    fitted: frozenset[ChannelId]

    @property
    def reaction_s(self) -> float:
        """From the event to the belt slowing: deciding and telling the drive, then the drive's own delay."""
        return DECISION_S + self.stop_reaction_s


def frame_of(machine: MachineConfig) -> MachineFrame:
    """The frame of a machine file."""
    return MachineFrame(machine.name, machine.core_limits(), machine.machine.deck_length_m, machine.safety.stop_reaction_s, machine.fitted)


REFERENCE: Final = MachineFrame(
    name="reference",
    limits=Limits(
        max_speed_forward_mps=4.0,
        max_speed_reverse_mps=2.2,
        max_acceleration_mps2=0.25,
        max_deceleration_mps2=0.8,
        max_jerk_mps3=1.0,
        protective_deceleration_mps2=0.9,
        fast_deceleration_mps2=2.0,
        max_grade_percent=0.0,
        max_grade_rate_percent_per_s=0.033,
        max_duration_s=2400.0,
    ),
    deck_length_m=1.5,
    stop_reaction_s=0.4,
    fitted=frozenset(ChannelId) - {ChannelId.HEART_RATE, ChannelId.PRESENCE, ChannelId.TRUNK},
)
"""Used where no machine file is named: the numbers of the example machine, no real one. A test keeps them equal."""
