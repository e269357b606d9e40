"""The configuration file: what is refused, and where the message points."""

from __future__ import annotations

from pathlib import Path

import pytest

from treadctl.errors import TreadctlError
from treadctl.telemetry.main import main
from treadctl.telemetry.settings import load

GOOD = """\
format = 1
machine = "lab-1"
[broker]
host = "127.0.0.1"
port = 1883
username = "lab-1"
password_file = "password"
[stop]
key_file = "stop-key"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name, content in (("password", "secret\n"), ("stop-key", "k" * 32 + "\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "telemetry.toml"
    path.write_text(GOOD)
    return path


def test_secrets_are_read_without_their_newline(config: Path) -> None:
    settings, secrets = load(config, {})
    assert secrets.password == "secret"  # noqa: S105
    assert secrets.stop_key == b"k" * 32
    assert settings.telemetry.rate_hz == 5.0
    assert "secret" not in repr(secrets)


def test_credentials_directory_of_systemd_is_looked_in_first(config: Path, tmp_path: Path) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    for name in ("password", "stop-key"):
        (given / name).write_text("from systemd, long enough for a key\n")
        (given / name).chmod(0o400)
    assert load(config, {"CREDENTIALS_DIRECTORY": str(given)})[1].password == "from systemd, long enough for a key"  # noqa: S105


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ('machine = "lab-1"', 'machine = "lab-1"\nmachin = "x"', "TC102", "machin"),
        ("port = 1883", 'port = "1883"', "TC104", "broker > port"),
        ("port = 1883", "port = 0", "TC104", "broker > port"),
        ('machine = "lab-1"', 'machine = "Lab 1/#"', "TC104", "machine"),
        ('machine = "lab-1"', "", "TC103", "machine"),
        ('host = "127.0.0.1"', 'host = "broker.example"', "TC103", "broker > tls"),
        ('username = "lab-1"', "", "TC103", "broker > username"),
        ('password_file = "password"', 'password_file = "elsewhere"', "TC100", "broker > password_file"),
        ("[stop]", "[telemetry]\nrate_hz = nan\n[stop]", "TC104", "telemetry > rate_hz"),
        ("[stop]", "[telemetry]\nrate_hz = 50.0\n[stop]", "TC104", "telemetry > rate_hz"),
        ("[stop]", '[broker.tls]\nca = "ca.crt"\ncert = "c.crt"\n[stop]', "TC103", "broker > tls > key"),
        ("format = 1", "format = 2", "TC111", "format"),
    ],
)
def test_bad_file_is_refused_with_its_place(config: Path, old: str, new: str, code: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert old in GOOD
    config.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(TreadctlError) as caught:
        load(config, {})
    assert caught.value.kind.code == code
    assert caught.value.place == f"{config} > {place}"
    assert main(["--config", str(config)]) == 2
    assert code in capsys.readouterr().err


def test_secret_that_others_may_read_is_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "stop-key").chmod(0o644)
    with pytest.raises(TreadctlError, match=r"open to everybody.*chmod 600"):
        load(config, {})


def test_short_key_is_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "stop-key").write_text("k" * 31)
    with pytest.raises(TreadctlError, match="31 bytes"):
        load(config, {})
