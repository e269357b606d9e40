"""The sections of a machine file, each key described with its unit. What a driver or a link adds to its own table is that driver's to check."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint
from treadctl.core.limits import Limits
from treadctl.core.sample import CONTACT_CHANNELS, ChannelId
from treadctl.core.setup import CordWiring
from treadctl.core.thresholds import RailThresholds

DEFAULT_RAILS: Final = RailThresholds()
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
AnyChannel = Annotated[ChannelId, Field(strict=False)]
TableOfDriver = dict[str, Any]


class MachineSection(Strict):
    """[machine]: the frame the belt sits in."""

    name: Name = Field(description="short name of this machine, used in the journal, on the console and in MQTT topics")
    deck_length_m: Annotated[float, Field(ge=0.5, le=6.0)] = Field(description="length of the usable running surface, m; stop distances are judged against it")


class LimitsSection(Strict):
    """[limits]: what this machine may ever be asked for. Magnitudes; a person's limits only shrink them."""

    max_speed_forward_mps: Annotated[float, Field(ge=0.0, le=12.0)] = Field(description="highest belt speed forward, m/s")
    max_speed_reverse_mps: Annotated[float, Field(ge=0.0, le=12.0)] = Field(description="highest belt speed in reverse, m/s; 0 forbids reverse")
    max_acceleration_mps2: Annotated[float, Field(gt=0.0, le=1.0)] = Field(description="steepest speeding-up while a program runs, m/s²")
    max_deceleration_mps2: Annotated[float, Field(gt=0.0, le=1.0)] = Field(description="steepest ordinary slowing while a program runs, m/s²")
    max_jerk_mps3: Annotated[float, Field(gt=0.0, le=10.0)] = Field(description="fastest change of acceleration, m/s³")
    protective_deceleration_mps2: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        description="the drive's own ramp used by SS1 and SS2, m/s², as commissioned; above 1 m/s² a standing person has to step to stay upright"
    )
    fast_deceleration_mps2: Annotated[float, Field(gt=0.0, le=15.0)] = Field(description="the drive's hardest braking used by SS1_FAST, m/s², as commissioned")
    max_grade_percent: Annotated[float, Field(ge=0.0, le=30.0)] = Field(description="steepest grade, percent; 0 where the machine has no lift")
    max_grade_rate_percent_per_s: Annotated[float, Field(gt=0.0, le=2.0)] = Field(description="fastest change of grade, percent per second")
    max_duration_s: Annotated[float, Field(gt=0.0, le=14400.0)] = Field(description="longest time the belt may move in one session, s")

    @model_validator(mode="after")
    def _stops_in_order(self) -> Self:
        if self.fast_deceleration_mps2 < self.protective_deceleration_mps2:
            raise complaint("fast_deceleration_mps2", "the hardest braking is weaker than the protective ramp (protective_deceleration_mps2)")
        if self.max_deceleration_mps2 > self.protective_deceleration_mps2:
            raise complaint("max_deceleration_mps2", "ordinary slowing is harder than the protective ramp (protective_deceleration_mps2)")
        return self

    def core(self) -> Limits:
        """The same as the core's `Limits`."""
        return Limits(**self.model_dump())


class RailSection(Strict):
    """[safety.rails]: thresholds of the imbalance detector, in percent of body weight. Derived figures, to be tuned on records."""

    grab_percent: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        DEFAULT_RAILS.grab_percent, description="hand load above which a fast rise is a grab, percent"
    )
    grab_rate_percent_per_s: Positive = Field(DEFAULT_RAILS.grab_rate_percent_per_s, description="rise that makes it a grab, percent of body weight per second")
    asymmetry_jump_percent: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        DEFAULT_RAILS.asymmetry_jump_percent, description="jump of right minus left against the person's own baseline, percent"
    )
    contact_percent: Annotated[float, Field(gt=0.0, le=10.0)] = Field(
        DEFAULT_RAILS.contact_percent, description="load that counts as a hand on the rail, percent"
    )
    hold_lost_s: Positive = Field(DEFAULT_RAILS.hold_lost_s, description="how long a wanted hand may be off, s")
    overload_percent: Annotated[float, Field(gt=0.0, le=100.0)] = Field(DEFAULT_RAILS.overload_percent, description="sustained load that means tired, percent")
    baseline_min_s: Positive = Field(DEFAULT_RAILS.baseline_min_s, description="shortest warm-up gait from which a baseline is believed, s")

    def core(self) -> RailThresholds:
        """The same as the core's `RailThresholds`."""
        return RailThresholds(**self.model_dump())


class SafetySection(Strict):
    """[safety]: how the machine is wired and how old a measurement may be."""

    cord_wiring: Annotated[CordWiring, Field(strict=False)] = Field(
        description="drive_enable: the pull cord cuts the drive's enable by itself; input_only: only we see it"
    )
    proof: Annotated[tuple[AnyChannel, ...], Field(strict=False, min_length=1)] = Field(
        description="contacts that must be seen open and closed again before the first start of the day"
    )
    proof_valid_s: Annotated[float, Field(ge=3600.0, le=86400.0)] = Field(
        43200.0, description="how long that proof counts, s; half a day = each working day anew"
    )
    sensor_age_limit_s: Annotated[float, Field(gt=0.0, le=0.1)] = Field(description="oldest usable value of a safety channel, s; at most 0.1")
    drive_age_limit_s: Annotated[float, Field(gt=0.0, le=0.5)] = Field(description="oldest usable status of the drive, s")
    drive_watchdog_limit_s: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        description="longest time-out of the drive's own communication watchdog that is accepted, s"
    )
    stop_confirm_limit_s: Annotated[float, Field(ge=0.05, le=0.3)] = Field(
        0.115,
        description="longest time until the drive has confirmed a stop by echo and read-back, s; then the enable output drops; more on slow wires only",
    )
    stop_reaction_s: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        0.4,
        description="delay from a stop command to the belt slowing, s, as commissioned; the default is the longest seen on a laboratory treadmill, rounded up",
    )
    rails: RailSection = Field(default_factory=RailSection, description="thresholds of the imbalance detector")
    trunk_tuning: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="tuning file of the waist sensor's detector, as written by `treadctl detector fit`; left out: the shipped one"
    )

    @model_validator(mode="after")
    def _proof_of_contacts(self) -> Self:
        for channel in self.proof:
            if channel not in CONTACT_CHANNELS:
                raise complaint("proof", f"{channel.value} is not a contact, so it cannot be seen open and closed again")
        for channel in (ChannelId.CORD_A, ChannelId.CORD_B):
            if channel not in self.proof:
                raise complaint("proof", f"{channel.value} is missing: both cord channels are proven every day")
        return self


class EnableSection(Strict):
    """[enable]: the output that lets the drive have torque, and that drops by itself when it is not renewed."""

    device: Name = Field(description="name of the device in this file that carries the enable output")


class DaemonSection(Strict):
    """[daemon]: how the daemon runs on this computer."""

    tick_s: Annotated[float, Field(ge=0.005, le=0.02)] = Field(0.02, description="longest time between two steps of the control loop, s; at most 0.02")
    socket: Annotated[str, Field(min_length=1, max_length=100)] = Field("/run/treadctl/ctl.sock", description="path of the control socket")
    journal_dir: Annotated[str, Field(min_length=1)] = Field("/var/lib/treadctl/journal", description="folder of the journals")


class LinkTable(StrEnum):
    """Keys of a [links.NAME] table that are ours; the rest belongs to the kind of link."""

    KIND = "kind"


class DeviceTable(StrEnum):
    """Keys of a device's table that are ours; the rest belongs to the driver."""

    DRIVER = "driver"
    LINK = "link"
    NAME = "name"


class MachineFile(Strict):
    """A machine file, format 1. The tables of links and devices are checked by the link and the driver they name."""

    format: Literal[1] = Field(description="version of this format")
    machine: MachineSection = Field(description="the frame the belt sits in")
    limits: LimitsSection = Field(description="what this machine may ever be asked for")
    safety: SafetySection = Field(description="wiring, proof test and ages")
    links: Annotated[dict[Name, TableOfDriver], Field(min_length=1)] = Field(description="[links.NAME] tables: `kind`, then the keys of that kind of link")
    drive: TableOfDriver = Field(description="`driver`, `link`, then the keys of that driver")
    devices: Annotated[tuple[TableOfDriver, ...], Field(strict=False)] = Field(
        description="[[devices]] tables: `driver`, `link`, a `name` where two devices share a driver, then the keys of that driver"
    )
    enable: EnableSection = Field(description="which device carries the enable output")
    daemon: DaemonSection = Field(default_factory=DaemonSection, description="how the daemon runs on this computer")
