"""The settings of the console, read from its TOML file at the start. Unknown keys are refused."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import read_toml
from treadctl.ipc.messages import DEFAULT_SOCKET
from treadctl.reports.figures import Units

DEFAULT_PATH: Final = Path("/etc/treadctl/console.toml")
DEFAULT_DATABASE: Final = "sqlite:////var/lib/treadctl-records/records.db"

Port = Annotated[int, Field(ge=1, le=65535)]


def zone_known(name: str) -> bool:
    """Whether this computer knows the time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class Door(StrEnum):
    """Which listener a process serves (docs/decisions/0009)."""

    KIOSK = "kiosk"
    DESK = "desk"


class Listener(Strict):
    """[kiosk] or [desk]: where a door listens."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on; the kiosk door takes loopback only")
    port: Port = Field(description="TCP port")
    names: tuple[str, ...] = Field((), strict=False, description="further host names by which browsers reach it; others are refused")
    tls_cert: str | None = Field(None, pattern="^/", description="certificate chain (PEM), where no proxy speaks TLS")
    tls_key: str | None = Field(None, pattern="^/", description="its private key (PEM)")


class Idle(Strict):
    """[idle]: how long somebody who does nothing stays signed on."""

    desk_minutes: float = Field(15.0, ge=1.0, le=480.0, description="at a desk, min")
    attendant_minutes: float = Field(240.0, ge=1.0, le=1440.0, description="the attendant at the machine, min")
    longest_hours: float = Field(12.0, ge=0.5, le=72.0, description="longest time signed on in all, h")


class Retention(Strict):
    """[retention]: how long records are kept; nothing is removed where it is not set."""

    sessions_years: float | None = Field(None, ge=1.0, le=100.0, description="sessions older than this are removed, a month of the oldest a day, years")


class Settings(Strict):
    """Everything in `console.toml`."""

    format: Literal[1] = Field(description="version of this format")
    clinic: str = Field("", max_length=80, description="name of the clinic, as reports show it")
    machine: str = Field("/etc/treadctl/machine.toml", pattern="^/", description="machine file: limits and what is fitted")
    socket: str = Field(DEFAULT_SOCKET, pattern="^/", description="the daemon's control socket")
    journal_dir: str = Field("/var/lib/treadctl/journal", pattern="^/", description="the daemon's journal, read only")
    profiles: str | None = Field(None, pattern="^/", description="folder of profile files offered as protocols; default: those that are shipped")
    database: str = Field(DEFAULT_DATABASE, pattern=r"^(sqlite|postgresql)", description="URL of the database")
    names_key: str | None = Field("/var/lib/treadctl-records/names.key", pattern="^/", description="file with the key that names are encrypted with")
    language: str = Field("en", pattern=r"^[a-z]{2}(_[A-Z]{2})?$", description="language of pages and reports")
    units: Annotated[Units, Field(strict=False)] = Field(Units.KMH, description="how speeds are shown: km/h, m/s or mph")
    zone: str = Field("UTC", description="time zone, as in Europe/Berlin")
    imports: Annotated[Door, Field(strict=False)] = Field(Door.DESK, description="the door whose process fills the records from the journal")
    kiosk: Listener = Field(default_factory=lambda: Listener.model_validate({"port": 8480}), description="the door at the machine")
    desk: Listener = Field(default_factory=lambda: Listener.model_validate({"port": 8481}), description="the door of everybody else")
    idle: Idle = Field(default_factory=lambda: Idle.model_validate({}), description="when somebody is signed off")
    retention: Retention = Field(default_factory=lambda: Retention.model_validate({}), description="how long records are kept")

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if not zone_known(value):
            raise complaint("", f"{value!r} is no time zone of this computer")
        return value

    @field_validator("kiosk")
    @classmethod
    def _at_the_machine(cls, value: Listener) -> Listener:
        if value.host not in {"127.0.0.1", "::1", "localhost"}:
            raise complaint("host", f"{value.host} can be reached from elsewhere; the kiosk door is for this machine's own screen (127.0.0.1)")
        return value

    def door(self, door: Door) -> Listener:
        """Where that door listens."""
        return self.kiosk if door is Door.KIOSK else self.desk


def load(path: Path) -> Settings:
    """Read and check the file. Raises TreadctlError TC100 to TC111 with file, section and key."""
    file = read_toml(path)
    return validate(Settings, file.table, file.place)
