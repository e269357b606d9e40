"""The topics of one machine. Everything treadctl publishes or listens to is named here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ROOT: Final = "treadctl/v1"
ONLINE: Final = "online"
OFFLINE: Final = "offline"


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names for `machine`."""

    machine: str
    discovery_prefix: str = "homeassistant"

    @property
    def base(self) -> str:
        """What every topic of this machine begins with."""
        return f"{ROOT}/{self.machine}"

    @property
    def availability(self) -> str:
        """Retained: `online` while daemon and telemetry both live, else `offline` (also the last will)."""
        return f"{self.base}/availability"

    @property
    def state(self) -> str:
        """Retained: the newest state of the session and the causes in force."""
        return f"{self.base}/state"

    @property
    def telemetry(self) -> str:
        """Measurements, qos 0, with an expiry."""
        return f"{self.base}/telemetry"

    @property
    def event(self) -> str:
        """What happened, qos 1, never dropped without a word."""
        return f"{self.base}/event"

    @property
    def session(self) -> str:
        """Where the program stands, at each change of segment or state, qos 1."""
        return f"{self.base}/session"

    @property
    def commands(self) -> str:
        """Filter for everything anybody sends us. All of it is heard, so that what is refused is also logged."""
        return f"{self.base}/cmd/#"

    @property
    def stop(self) -> str:
        """The one command that exists."""
        return f"{self.base}/cmd/stop"

    @property
    def home_assistant_status(self) -> str:
        """Home Assistant says `online` here after it started."""
        return f"{self.discovery_prefix}/status"

    @property
    def discovery(self) -> str:
        """Retained: the machine's description for Home Assistant."""
        return f"{self.discovery_prefix}/device/treadctl_{self.machine.replace('-', '_')}/config"

    def result(self, command_topic: str) -> str:
        """Where the answer to a command goes."""
        return f"{command_topic}/result"
