"""The file `telemetry.toml`: which broker, which machine, which secrets. Unknown keys are refused; secrets stand in files of their own."""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import join_place, read_toml
from treadctl.errors import TreadctlError
from treadctl.ipc.messages import DEFAULT_SOCKET

MIN_KEY_BYTES: Final = 32  # as long as the digest of HMAC-SHA256: a shorter key is the weakest part
MAX_SECRET_BYTES: Final = 4096
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"  # set by systemd's LoadCredential=


class Tls(Strict):
    """Certificates, PEM. The broker's name is always checked against its certificate."""

    ca: str = Field(min_length=1, description="file of the authority that signed the broker's certificate")
    cert: str | None = Field(None, min_length=1, description="file of our own certificate, where the broker asks for one")
    key: str | None = Field(None, min_length=1, description="file of the private key of cert")

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise complaint("key" if self.key is None else "cert", "cert and key go together: give both or neither", error="missing_key")
        return self


class Broker(Strict):
    """How to reach the broker."""

    host: str = Field(min_length=1, max_length=253, description="name or address of the broker")
    port: int = Field(8883, ge=1, le=65535, description="TCP port; 8883 is usual with TLS, 1883 without")
    username: str | None = Field(None, min_length=1, description="name at the broker")
    password_file: str | None = Field(None, min_length=1, description="file that holds the password and nothing else")
    keepalive_s: int = Field(10, ge=5, le=60, description="silence after which broker and client believe each other gone, s")
    tls: Tls | None = Field(None, description="certificates; only a broker on this computer may go without")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.tls is None and not is_loopback(self.host):
            raise complaint("tls", "a broker on another computer is reached over TLS only: add [broker.tls]", error="missing_key")
        if self.password_file is not None and self.username is None:
            raise complaint("username", "a password needs a username", error="missing_key")
        return self


class Stop(Strict):
    """The one command that is taken: a graded stop (SS2), signed. Without this section every command is refused."""

    key_file: str = Field(min_length=1, description=f"file with at least {MIN_KEY_BYTES} random bytes or characters, shared with who may stop")


class Rates(Strict):
    """How often and how much."""

    rate_hz: float = Field(5.0, ge=0.1, le=20.0, description="telemetry messages in a second")
    queue: int = Field(50, ge=1, le=10_000, description="telemetry messages kept for a slow broker; the oldest are dropped and counted")
    events: int = Field(2000, ge=10, le=100_000, description="events kept while the broker is away; a loss is counted and published as an event")


class HomeAssistant(Strict):
    """Discovery by Home Assistant."""

    enabled: bool = Field(True, description="whether the machine announces itself")
    prefix: str = Field("homeassistant", pattern=r"^[A-Za-z0-9_-]{1,32}$", description="discovery prefix set in Home Assistant")


class Settings(Strict):
    """Everything in `telemetry.toml`."""

    format: int = Field(description="version of this file's format")
    machine: str = Field(pattern=r"^[a-z0-9](-?[a-z0-9])*$", max_length=32, description="id of the machine in topics: small letters, digits, hyphens")
    socket: str = Field(DEFAULT_SOCKET, pattern="^/", description="the daemon's control socket")
    broker: Broker
    stop: Stop | None = None
    telemetry: Rates = Field(default_factory=lambda: Rates.model_validate({}))
    home_assistant: HomeAssistant = Field(default_factory=lambda: HomeAssistant.model_validate({}))


class Secrets(Strict):
    """What the files of secrets held. Never logged."""

    password: str | None = Field(None, repr=False)
    stop_key: bytes | None = Field(None, repr=False)


def is_loopback(host: str) -> bool:
    """Whether `host` certainly is this computer."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[Settings, Secrets]:
    """Read settings and secrets. Raises TreadctlError naming file, section and key.

    A file named by a relative path is looked for in systemd's credentials directory where there is one, else beside `path`.
    """
    file = read_toml(path)
    settings = validate(Settings, file.table, file.place)
    base = Path(environment.get(CREDENTIALS_VARIABLE) or path.absolute().parent)
    password: str | None = None
    if settings.broker.password_file is not None:
        where = join_place(file.place, "broker", "password_file")
        password = _read_secret(base / settings.broker.password_file, where).decode("utf-8", "replace")
    key: bytes | None = None
    if settings.stop is not None:
        where = join_place(file.place, "stop", "key_file")
        key = _read_secret(base / settings.stop.key_file, where)
        if len(key) < MIN_KEY_BYTES:
            raise TreadctlError("bad_value", where, f"the key has {len(key)} bytes, at least {MIN_KEY_BYTES} are wanted; make one with: openssl rand -hex 32")
    return settings, Secrets(password=password, stop_key=key)


def _read_secret(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as handle:
            if os.fstat(handle.fileno()).st_mode & stat.S_IRWXO:
                raise TreadctlError("bad_value", where, f"{path} is open to everybody on this computer; chmod 600 it and use a new secret")
            content = handle.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise TreadctlError("file_missing", where, f"{path}: {error.strerror or type(error).__name__}") from error
    if len(content) > MAX_SECRET_BYTES:
        raise TreadctlError("bad_value", where, f"{path} is larger than {MAX_SECRET_BYTES} bytes")
    secret = content.rstrip(b"\r\n")
    if not secret:
        raise TreadctlError("bad_value", where, f"{path} is empty")
    return secret
