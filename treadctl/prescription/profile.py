"""Profile files: what a physiotherapist writes. TOML, every quantity with its unit in the key, every number with its source."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import parse_toml, read_toml
from treadctl.core.program import Block, Hands
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import ChannelId, Direction, Facing
from treadctl.core.units import mps_from_kmh

MAX_SEGMENTS: Final = 500
Label = Annotated[str, Field(min_length=1, max_length=120)]
SpeedKmh = Annotated[float, Field(gt=0.0, le=40.0)]
SpeedMps = Annotated[float, Field(gt=0.0, le=12.0)]
HandsWish = Annotated[Hands, Field(strict=False)]
DirectionWish = Annotated[Direction, Field(strict=False)]
Prompts = Annotated[tuple[Annotated[PromptKind, Field(strict=False)], ...], Field(strict=False)]


class Source(Strict):
    """[[sources]]: where a number or a rule of this profile comes from, and how sure it is."""

    cite: Annotated[str, Field(min_length=1)] = Field(description="the work, so that it can be found: authors, year, identifier")
    says: Annotated[str, Field(min_length=1)] = Field(description="what this profile takes from it")
    mark: Literal["read", "measured", "derived", "unverified"] = Field(
        description="read: in the source (often its abstract only); measured: on data; derived: by our arithmetic or judgement; unverified: not checked"
    )


class Schedule(Strict):
    """[schedule]: how often the profile is meant to be done. The weekly rule still counts from the person's record."""

    sessions_per_week: Annotated[int, Field(ge=1, le=7)] = Field(description="sessions a week")
    weeks: Annotated[int, Field(ge=1, le=52)] = Field(description="weeks")


class Timed(Strict):
    """An entry with a length: exactly one of minutes and seconds."""

    label: Label = Field(description="what staff and person read while it runs")
    minutes: Annotated[float, Field(gt=0.0, le=240.0)] | None = Field(None, description="length, min")
    seconds: Annotated[float, Field(gt=0.0, le=14400.0)] | None = Field(None, description="length, s")

    @property
    def duration_s(self) -> float:
        """The length in seconds; 0 where the entry has none of its own."""
        return self.minutes * 60.0 if self.minutes is not None else self.seconds or 0.0


class FloorEntry(Timed):
    """An exercise beside the belt, for hips or ankles: the belt stands, the timer runs, and it is part of the session's record."""

    kind: Literal["floor"] = Field(description="floor: beside the belt")
    prompts: Prompts = Field((), description="asked when it begins: rpe, dizziness, pain, breathing")

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        _exactly_one(self, "minutes", "seconds")
        return self


class Steps(Strict):
    """steps = { from_kmh, to_kmh, by_kmh, hold_s }: equal steps of speed, each held; from and to included. All in km/h, or all in m/s."""

    from_kmh: SpeedKmh | None = Field(None, description="speed of the first step, km/h")
    to_kmh: SpeedKmh | None = Field(None, description="speed of the last step, km/h")
    by_kmh: SpeedKmh | None = Field(None, description="size of a step, km/h")
    from_mps: SpeedMps | None = Field(None, description="speed of the first step, m/s")
    to_mps: SpeedMps | None = Field(None, description="speed of the last step, m/s")
    by_mps: SpeedMps | None = Field(None, description="size of a step, m/s")
    hold_s: Annotated[float, Field(gt=0.0, le=3600.0)] = Field(description="how long each step is held, s")

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        kmh, mps = (self.from_kmh, self.to_kmh, self.by_kmh), (self.from_mps, self.to_mps, self.by_mps)
        if not ((None not in kmh and mps == (None, None, None)) or (None not in mps and kmh == (None, None, None))):
            raise complaint("", "steps need from, to and by in one unit: all _kmh or all _mps", error="bad_profile")
        count = self._count()
        if abs(count - round(count)) > 1e-6:
            raise complaint("", f"steps of {self._by} from {self._from} do not meet {self._to}", error="bad_profile")
        if round(count) + 1 > MAX_SEGMENTS:
            raise complaint("", f"more than {MAX_SEGMENTS} steps", error="bad_profile")
        return self

    @property
    def _from(self) -> float:
        return self.from_kmh if self.from_kmh is not None else self.from_mps or 0.0

    @property
    def _to(self) -> float:
        return self.to_kmh if self.to_kmh is not None else self.to_mps or 0.0

    @property
    def _by(self) -> float:
        return self.by_kmh if self.by_kmh is not None else self.by_mps or math.inf

    def _count(self) -> float:
        return abs(self._to - self._from) / self._by

    def speeds_mps(self) -> tuple[float, ...]:
        """The speeds of all steps in order, m/s; a `to` below `from` steps downward."""
        count = round(self._count())
        sign = 1.0 if self._to >= self._from else -1.0
        speeds = [self._from + sign * self._by * n for n in range(count)] + [self._to]
        return tuple(mps_from_kmh(speed) if self.from_kmh is not None else speed for speed in speeds)


class BeltEntry(Timed):
    """A stretch on the belt at one speed, or a stair of `steps`."""

    kind: Literal["belt"] = Field("belt", description="belt: on the moving belt; may be left out")
    speed_kmh: SpeedKmh | None = Field(None, description="belt speed, km/h, a magnitude; the direction is the profile's")
    speed_mps: SpeedMps | None = Field(None, description="belt speed, m/s, a magnitude; the direction is the profile's")
    steps: Steps | None = Field(None, description="a stair of speeds instead of one speed and length")
    grade_percent: Annotated[float, Field(ge=0.0, le=30.0)] = Field(0.0, description="grade, percent")
    hands: HandsWish = Field(Hands.ON, description="on: both hands on the rails; free: as they like; off: should be off. Left out means on")
    prompts: Prompts = Field((), description="asked when it begins (each step of a stair): rpe, dizziness, pain, breathing")
    direction: DirectionWish | None = Field(None, description="direction of the belt where it differs from the profile's; it changes only at standstill")

    @model_validator(mode="after")
    def _one_speed_one_length(self) -> Self:
        _exactly_one(self, "speed_kmh", "speed_mps", "steps")
        if self.steps is None:
            _exactly_one(self, "minutes", "seconds")
        elif self.minutes is not None or self.seconds is not None:
            raise complaint("steps", "a stair of steps has its length in hold_s; leave minutes and seconds out", error="bad_profile")
        return self

    def stretches(self) -> tuple[tuple[float, float], ...]:
        """The stretches of this entry in order, each as (speed in m/s, duration in s)."""
        if self.steps is not None:
            return tuple((speed, self.steps.hold_s) for speed in self.steps.speeds_mps())
        speed = self.speed_mps if self.speed_mps is not None else mps_from_kmh(self.speed_kmh or 0.0)
        return ((speed, self.duration_s),)


class RoundsEntry(Strict):
    """Some stretches repeated in turn, such as intervals."""

    kind: Literal["rounds"] = Field(description="rounds: the parts, repeated")
    label: Label = Field(description="name of the series")
    repeat: Annotated[int, Field(ge=1, le=60)] = Field(description="how many times")
    parts: Annotated[tuple[BeltEntry, ...], Field(strict=False, min_length=1)] = Field(description="[[….parts]] tables: stretches on the belt")


def _kind_of(entry: object) -> str:
    kind = entry.get("kind", "belt") if isinstance(entry, dict) else getattr(entry, "kind", "belt")
    return str(kind)


Entry = Annotated[
    Annotated[BeltEntry, Tag("belt")] | Annotated[FloorEntry, Tag("floor")] | Annotated[RoundsEntry, Tag("rounds")],
    Discriminator(_kind_of),
]
Entries = Annotated[tuple[Entry, ...], Field(strict=False, min_length=1)]


class Profile(Strict):
    """A profile, format 1: for whom, how the person stands, what the belt does, and where that comes from."""

    format: Literal[1] = Field(description="version of this format")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)] = Field(description="short name: small letters, digits, hyphens")
    title: Label = Field(description="title for people")
    for_whom: Annotated[str, Field(min_length=1)] = Field(description="who it is meant for, and who not")
    facing: Annotated[Facing, Field(strict=False)] = Field(description="where the person looks: console or rear")
    direction: DirectionWish = Field(description="direction of the belt: forward or reverse. Backward gait is (reverse, console) or (forward, rear)")
    requires: Annotated[tuple[Literal["attendant", "harness"], ...], Field(strict=False)] = Field((), description="channels this profile is not run without")
    notes: str = Field("", description="what staff should know")
    schedule: Schedule | None = Field(None, description="how often the profile is meant to be done")
    sources: Annotated[tuple[Source, ...], Field(strict=False, min_length=1)] = Field(description="where its numbers come from")
    warm_up: Entries = Field(description="[[warm_up]] entries")
    main: Entries = Field(description="[[main]] entries")
    cool_down: Entries = Field(description="[[cool_down]] entries")

    @model_validator(mode="after")
    def _starts_by_walking(self) -> Self:
        if not any(isinstance(entry, BeltEntry) for entry in self.warm_up):
            raise complaint("warm_up", "has no stretch on the belt: the person's own hold on the rails is learnt there", error="bad_profile")
        return self

    @property
    def guards(self) -> frozenset[ChannelId]:
        """The channels without which this profile is not run."""
        return frozenset(ChannelId(name) for name in self.requires)

    def blocks(self) -> tuple[tuple[Block, tuple[BeltEntry | FloorEntry | RoundsEntry, ...]], ...]:
        """The three blocks in order."""
        return ((Block.WARM_UP, self.warm_up), (Block.MAIN, self.main), (Block.COOL_DOWN, self.cool_down))


def load_profile(path: Path | str) -> Profile:
    """Read and check a profile file. Raises the TreadctlError (TC100 to TC111, TC121) of the first thing wrong."""
    source = read_toml(Path(path))
    return validate(Profile, source.table, source.place)


def profile_of(text: str, place: str) -> Profile:
    """A profile that came as text; the same checks and errors, which name `place`."""
    return validate(Profile, parse_toml(text.encode("utf-8"), place), place)


def canonical_bytes(profile: Profile) -> bytes:
    """The profile as bytes that depend on its meaning alone, not on spacing, comments or the order of keys: JSON, sorted, UTF-8."""
    content: dict[str, Any] = profile.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def profile_sha256(profile: Profile) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(canonical_bytes(profile)).hexdigest()


def _exactly_one(entry: Strict, *keys: str) -> None:
    given = [key for key in keys if getattr(entry, key) is not None]
    if not given:
        raise complaint("", f"needs one of {', '.join(keys)}", error="bad_profile")
    if len(given) > 1:
        raise complaint(given[1], f"{given[0]} is already there; give only one of {', '.join(keys)}", error="bad_profile")
