"""Which device measures which channel: exactly one source for each, and none of the safety channels missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

from treadctl.config.toml_file import join_place
from treadctl.core.sample import ChannelId
from treadctl.errors import TreadctlError

REQUIRED: Final = (ChannelId.CORD_A, ChannelId.CORD_B, ChannelId.ESTOP, ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT)
"""Without these nobody is let on the belt: two cord channels, the emergency-stop chain, both rails."""
RECOMMENDED: Final = {
    ChannelId.ENABLE_FEEDBACK: "a welded enable relay stays unnoticed",
    ChannelId.ATTENDANT: "the attendant has no enabling switch to let go of",
    ChannelId.BELT: "overspeed and wrong direction are judged on the drive's own word",
    ChannelId.HARNESS: "a person hanging in the harness is not seen, and profiles that need a harness are refused",
    ChannelId.TRUNK: "a loss of balance is seen by the hands alone, which reach the rail 0.3 to 0.5 s after it begins (unverified)",
}


@runtime_checkable
class NamesChannels(Protocol):
    """A device family that says itself which channels a configuration provides."""

    def channels(self, config: object) -> frozenset[ChannelId]:
        """The channels that a device built from `config` (an instance of its model) provides."""


def provided_channels(family: object, config: object, table: Mapping[str, Any]) -> frozenset[ChannelId]:
    """The channels a device provides, by its family's own word, else by the conventional keys of its table.

    Conventional: `channels` lists them all; without it the keys of `inputs`, the keys of `rails`, and `belt_register`.
    """
    if isinstance(family, NamesChannels):
        return frozenset(family.channels(config))
    names: list[object] = []
    if "channels" in table:
        names.extend(table["channels"])
    else:
        names.extend(table.get("inputs", {}))
        names.extend(f"rail_{side}" for side in table.get("rails", {}))
        names.extend(["belt"] if "belt_register" in table else [])
    known = {channel.value: channel for channel in ChannelId}
    return frozenset(known[name] for name in names if isinstance(name, str) and name in known)


def check_channels(providers: Iterable[tuple[str, frozenset[ChannelId]]], place: str) -> frozenset[ChannelId]:
    """All fitted channels, or TC112 for the first one that is provided twice or required and missing. A provider is its section and its channels."""
    source: dict[ChannelId, str] = {}
    for section, channels in providers:
        for channel in sorted(channels):
            if channel in source:
                raise TreadctlError("channel_conflict", join_place(place, section), f"{channel.value} is already provided by {source[channel]}")
            source[channel] = section
    for channel in REQUIRED:
        if channel not in source:
            raise TreadctlError("channel_conflict", join_place(place, "devices"), f"no device provides {channel.value}, which every machine needs")
    return frozenset(source)


def remarks(fitted: frozenset[ChannelId]) -> tuple[str, ...]:
    """A sentence for each recommended channel that is not fitted, saying what is lost without it."""
    return tuple(f"{channel.value} is not fitted: {loss}" for channel, loss in RECOMMENDED.items() if channel not in fitted)
