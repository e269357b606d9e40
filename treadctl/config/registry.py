"""Finding links and drivers by name: entry points, loaded only when a machine file names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Protocol, cast

from treadctl.errors import TreadctlError
from treadctl.ports import DeviceFamily, LinkFamily

LINK_GROUP: Final = "treadctl.links"
DRIVER_GROUP: Final = "treadctl.drivers"


class Registry(Protocol):
    """Where families come from. `place` is where the name was written, for the error: TC107 when it is not installed or cannot be loaded."""

    def link(self, kind: str, place: str) -> LinkFamily:
        """The link family of that kind."""

    def driver(self, name: str, place: str) -> DeviceFamily:
        """The device family of that name."""


@dataclass(frozen=True, slots=True)
class FixedRegistry:
    """A registry of families given by hand: for tests and for programs that bring their own drivers."""

    links: Mapping[str, LinkFamily] = field(default_factory=dict)
    drivers: Mapping[str, DeviceFamily] = field(default_factory=dict)

    def link(self, kind: str, place: str) -> LinkFamily:
        """The link family of that kind, or TC107."""
        if kind not in self.links:
            raise _unknown("link kind", kind, place, self.links)
        return self.links[kind]

    def driver(self, name: str, place: str) -> DeviceFamily:
        """The device family of that name, or TC107."""
        if name not in self.drivers:
            raise _unknown("driver", name, place, self.drivers)
        return self.drivers[name]


class InstalledRegistry:
    """The families of the installed packages. Nothing is imported before it is asked for by name."""

    def link(self, kind: str, place: str) -> LinkFamily:
        """The link family of that kind, or TC107."""
        return cast("LinkFamily", _load(LINK_GROUP, "link kind", kind, place))

    def driver(self, name: str, place: str) -> DeviceFamily:
        """The device family of that name, or TC107."""
        return cast("DeviceFamily", _load(DRIVER_GROUP, "driver", name, place))


def _load(group: str, what: str, name: str, place: str) -> object:
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        raise _unknown(what, name, place, found)
    point: EntryPoint = found[name]
    try:
        family: object = point.load()
    except (ImportError, AttributeError) as error:
        raise TreadctlError("unknown_driver", place, f"{what} {name!r} is announced as {point.value} but cannot be loaded: {error}") from error
    return family


def _unknown(what: str, name: str, place: str, known: Mapping[str, object]) -> TreadctlError:
    listed = ", ".join(sorted(known)) or "none"
    return TreadctlError("unknown_driver", place, f"{what} {name!r}; installed: {listed}")
