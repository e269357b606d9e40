from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from treadctl.config import FixedRegistry, InstalledRegistry, MachineConfig, load_machine, read_toml
from treadctl.core.sample import ChannelId
from treadctl.core.setup import CordWiring
from treadctl.errors import TreadctlError

Load = Callable[..., MachineConfig]
Refusal = Callable[..., TreadctlError]


def test_a_whole_machine_file_gives_limits_links_and_devices(load: Load) -> None:
    machine = load()
    assert machine.core_limits().max_speed_reverse_mps == 2.2
    assert machine.core_limits().max_duration_s == 2400.0
    assert machine.links["bus"].config.baud == 38400
    assert (machine.drive.driver, machine.drive.link, machine.drive.address) == ("motor", "bus", 1)
    assert machine.enable_device.driver == "io"
    assert machine.daemon.tick_s == 0.02
    assert machine.fitted == {ChannelId(c) for c in ("cord_a", "cord_b", "rail_left", "rail_right", "estop", "attendant")}


def test_the_core_is_told_the_same_as_the_file_says(load: Load) -> None:
    setup = load(("[links.bus]", "[safety.rails]\ngrab_percent = 12.5\n[links.bus]")).core_setup()
    assert setup.cord_wiring is CordWiring.INPUT_ONLY
    assert setup.proof == (ChannelId.CORD_A, ChannelId.CORD_B)
    assert (setup.sensor_age_limit_s, setup.drive_age_limit_s, setup.watchdog_limit_s) == (0.1, 0.25, 0.5)
    assert setup.detectors.rails.grab_percent == 12.5
    assert setup.detectors.rails.overload_percent == 25.0


def test_the_hash_is_of_the_bytes_of_the_file(load: Load) -> None:
    assert load().sha256 != load(('name = "bench"', 'name = "bench" # moved')).sha256


def test_channels_worth_fitting_are_named_with_what_is_lost(load: Load) -> None:
    assert any("belt is not fitted" in remark for remark in load().remarks())
    assert not any("attendant" in remark.split(" ")[0] for remark in load().remarks())


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "words"),
    [
        ("max_speed_reverse_mps = 2.2", "max_speed_reverse_kmh = 7.92", "TC105", "limits > max_speed_reverse_kmh", "7.92 km/h is max_speed_reverse_mps = 2.2"),
        ("max_speed_reverse_mps = 2.2", "max_speed_reverse = 2.2", "TC105", "limits > max_speed_reverse", "max_speed_reverse_mps is wanted here, in m/s"),
        ("max_speed_reverse_mps = 2.2", 'max_speed_reverse_mps = "8 km/h"', "TC105", "limits > max_speed_reverse_mps", "plain number in m/s"),
        ("sensor_age_limit_s = 0.1", "sensor_age_limit_ms = 100", "TC105", "safety > sensor_age_limit_ms", "sensor_age_limit_s = 0.1"),
        ("deck_length_m = 1.5", "deck_length_cm = 150", "TC105", "machine > deck_length_cm", "deck_length_m = 1.5"),
        ("max_jerk_mps3 = 1.0", "max_jirk_mps3 = 1.0", "TC102", "limits > max_jirk_mps3", "did you mean max_jerk_mps3?"),
        ("max_jerk_mps3 = 1.0\n", "", "TC103", "limits > max_jerk_mps3", "m/s³"),
        ("[machine]\n", "[colour]\n[machine]\n", "TC102", "colour", "known here"),
        ("max_jerk_mps3 = 1.0", "max_jerk_mps3 = nan", "TC104", "limits > max_jerk_mps3", "nan"),
        ("max_jerk_mps3 = 1.0", "max_jerk_mps3 = inf", "TC104", "limits > max_jerk_mps3", "inf"),
        ("max_jerk_mps3 = 1.0", "max_jerk_mps3 = true", "TC104", "limits > max_jerk_mps3", "must be a number"),
        ("max_jerk_mps3 = 1.0", "max_jerk_mps3 = -1.0", "TC104", "limits > max_jerk_mps3", "must be greater than 0"),
        ("protective_deceleration_mps2 = 0.9", "protective_deceleration_mps2 = 1.5", "TC104", "limits > protective_deceleration_mps2", "at most 1"),
        ("fast_deceleration_mps2 = 2.0", "fast_deceleration_mps2 = 0.85", "TC104", "limits > fast_deceleration_mps2", "weaker"),
        ("max_deceleration_mps2 = 0.8", "max_deceleration_mps2 = 0.95", "TC104", "limits > max_deceleration_mps2", "harder"),
        ("sensor_age_limit_s = 0.1", "sensor_age_limit_s = 0.2", "TC104", "safety > sensor_age_limit_s", "at most 0.1"),
        ('cord_wiring = "input_only"', 'cord_wiring = "maybe"', "TC104", "safety > cord_wiring", "input_only"),
        ('"cord_a", "cord_b"]\nsensor', '"cord_a"]\nsensor', "TC104", "safety > proof", "cord_b is missing"),
        ('"cord_a", "cord_b"]\nsensor', '"cord_a", "cord_b", "rail_left"]\nsensor', "TC104", "safety > proof", "not a contact"),
        ('"cord_a", "cord_b"]\nsensor', '"cord_a", "cord_b", "harness"]\nsensor', "TC112", "safety > proof", "no device provides harness"),
        ("unit = 2", "unit = 1", "TC106", "devices[2]", "unit 1 on link bus is already drive"),
        ('kind = "line"', 'kind = "carrier_pigeon"', "TC107", "links.line > kind", "installed: bus, line"),
        ('driver = "board"', 'driver = "bord"', "TC107", "devices[1] > driver", "installed: board, greedy, io, knowing_io, motor"),
        ('driver = "board"', 'driver = "motor"', "TC104", "devices[1] > driver", "belongs in [drive]"),
        ('driver = "motor"', 'driver = "io"', "TC104", "drive > driver", "belongs in [[devices]]"),
        ('link = "line"', 'link = "lime"', "TC108", "devices[1] > link", "bus, line"),
        ('link = "line"', 'link = "bus"', "TC109", "devices[1] > link", "board lives on line"),
        ('port = "/dev/line"', 'port = "/dev/bus"', "TC104", "links.line > port", "already the port of links.bus"),
        ('"rail_left", "rail_right"]', '"rail_left"]', "TC112", "devices", "no device provides rail_right"),
        ("inputs = { estop = 0,", "inputs = {", "TC112", "devices", "no device provides estop"),
        ("estop = 0", "estop = 0, cord_a = 4", "TC112", "devices[2]", "cord_a is already provided by devices[1]"),
        ('device = "io"', 'device = "oi"', "TC104", "enable > device", "board, io"),
        ("baud = 38400", "baud = 19200", "TC104", "links.bus > baud", "too slow to be shared"),
        ("baud = 38400", "baud = 38400\nbuad = 9600", "TC102", "links.bus > buad", "did you mean baud?"),
        ("unit = 1\n", "unit = 300\n", "TC104", "drive > unit", "at most 247"),
        ("unit = 1\nmax_speed_mps = 4.0", "unit = 1\nmax_speed_kmh = 14.4", "TC105", "drive > max_speed_kmh", "max_speed_mps = 4"),
        ("max_speed_mps = 4.0", "max_speed_mps = 3.5", "TC104", "limits > max_speed_forward_mps", "more than drive > max_speed_mps = 3.5"),
        ("max_grade_percent = 0.0", "max_grade_percent = 5.0", "TC104", "limits > max_grade_percent", "more than drive > max_grade_percent = 0"),
        ("max_speed_mps = 4.0", "max_speed_mps = 4.0\nreverse = false", "TC104", "limits > max_speed_reverse_mps", "must be 0"),
        ("max_speed_mps = 4.0", "max_speed_mps = 4.0\nwatchdog_s = 0.6", "TC104", "drive > watchdog_s", "never be attested"),
        ("max_speed_mps = 4.0", "max_speed_mps = 4.0\nchecked = [{ registre = 1 }]", "TC102", "drive > checked[1] > registre", "did you mean register?"),
        ("max_speed_mps = 4.0", "max_speed_mps = 4.0\nchecked = [{}]", "TC103", "drive > checked[1] > register", "number of the register"),
        ('driver = "motor"\n', "", "TC103", "drive > driver", "installed driver"),
        ("format = 1", "format = 2", "TC111", "format", "newer"),
        ("format = 1", "format = 0", "TC111", "format", "older"),
        ("format = 1", "format = true", "TC104", "format", "whole number"),
        ("format = 1\n", "", "TC103", "format", "format = 1"),
        ("[safety]", "[safety", "TC101", "", "line"),
        ("max_jerk_mps3 = 1.0", "max_jerk_mps3 = 1.0\nmax_jerk_mps3 = 2.0", "TC101", "", "overwrite"),
    ],
)
def test_bad_input_is_one_numbered_error_with_its_place(refusal: Refusal, old: str, new: str, code: str, place: str, words: str) -> None:
    error = refusal((old, new))
    assert error.kind.code == code, str(error)
    assert error.place.endswith(f"bench.toml > {place}" if place else "bench.toml")
    assert words in str(error)
    assert "Remedy:" in str(error)


def test_a_missing_section_is_named(refusal: Refusal) -> None:
    error = refusal(("[enable]\n", "[daemon]\n"), ('device = "io"\n', ""))
    assert error.kind.code == "TC103"
    assert error.place.endswith("> enable")


@pytest.mark.parametrize("name", ["bench.yaml", "bench.yml", "bench.YAML"])
def test_a_yaml_file_is_refused_with_the_reason(refusal: Refusal, name: str) -> None:
    error = refusal(name=name)
    assert error.kind.code == "TC110"
    assert "1:30 as 90" in str(error)


@pytest.mark.parametrize(
    ("content", "code"),
    [("format: 1\nmachine:\n  name: x\n", "TC110"), ("---\nformat: 1\n", "TC110"), ('{"format": 1}', "TC101"), (b"\xff\xfe", "TC101"), ("", "TC103")],
)
def test_another_language_under_the_name_of_toml_is_recognised(tmp_path: Path, registry: FixedRegistry, content: str | bytes, code: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TreadctlError) as caught:
        load_machine(path, registry)
    assert caught.value.kind.code == code


def test_an_absent_file_is_tc100(tmp_path: Path, registry: FixedRegistry) -> None:
    with pytest.raises(TreadctlError) as caught:
        load_machine(tmp_path / "none.toml", registry)
    assert caught.value.kind.code == "TC100"


def test_two_devices_of_one_driver_need_names(refusal: Refusal, load: Load) -> None:
    second = '[[devices]]\ndriver = "io"\nlink = "bus"\nunit = 3\ninputs = { harness = 0 }\n[enable]'
    assert "give each its own `name`" in str(refusal(("[enable]", second)))
    machine = load(("[enable]", second.replace("unit = 3", 'unit = 3\nname = "io_two"')))
    assert [device.name for device in machine.devices] == ["board", "io", "io_two"]
    assert ChannelId.HARNESS in machine.fitted


def test_a_device_that_wants_its_link_alone_shares_it_with_nobody(refusal: Refusal) -> None:
    error = refusal(("[enable]", '[[devices]]\ndriver = "board"\nname = "second"\nlink = "line"\nchannels = []\n[enable]'))
    assert error.kind.code == "TC106"
    assert "line" in str(error)


def test_the_word_of_a_family_about_its_channels_goes_before_the_conventional_keys(load: Load) -> None:
    machine = load(('driver = "io"', 'driver = "knowing_io"\nname = "io"'))
    assert ChannelId.HEART_RATE in machine.fitted
    assert ChannelId.ATTENDANT not in machine.fitted


def test_an_unknown_name_lists_what_is_installed() -> None:
    with pytest.raises(TreadctlError) as caught:
        InstalledRegistry().driver("no_such_driver", "here")
    assert caught.value.kind.code == "TC107"
    assert "altivar" in str(caught.value)


def test_only_the_families_named_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def __init__(self, name: str) -> None:
            self.name, self.value = name, f"{name}_package:family"

        def load(self) -> object:
            loaded.append(self.name)
            return object()

    loaded: list[str] = []
    monkeypatch.setattr("treadctl.config.registry.entry_points", lambda group: [Point("one"), Point("two")])
    InstalledRegistry().driver("two", "here")
    assert loaded == ["two"]


def test_a_driver_that_cannot_be_imported_is_an_error_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        name, value = "broken", "nowhere:family"

        def load(self) -> object:
            raise ModuleNotFoundError("No module named 'nowhere'")

    monkeypatch.setattr("treadctl.config.registry.entry_points", lambda group: [Broken()])
    with pytest.raises(TreadctlError, match="nowhere") as caught:
        InstalledRegistry().link("broken", "here")
    assert caught.value.kind.code == "TC107"


def test_the_configuration_never_imports_drivers_by_itself() -> None:
    sources = (Path(sys.modules["treadctl.config"].__file__ or "").parent).glob("*.py")
    assert not [path.name for path in sources if "treadctl_drivers" in path.read_text(encoding="utf-8")]


def test_the_core_is_told_every_figure_that_differs_from_its_default(load: Load) -> None:
    setup = load(
        ("drive_watchdog_limit_s = 0.5", "drive_watchdog_limit_s = 0.3\nstop_reaction_s = 0.25"),
        ("drive_age_limit_s = 0.25", "drive_age_limit_s = 0.2"),
        ("sensor_age_limit_s = 0.1", "sensor_age_limit_s = 0.06"),
        ("unit = 1\nmax_speed_mps", "unit = 1\nwatchdog_s = 0.3\nmax_speed_mps"),
        ("[enable]", "[daemon]\ntick_s = 0.01\n[enable]"),
    ).core_setup()
    assert (setup.watchdog_limit_s, setup.stop_reaction_s, setup.drive_age_limit_s) == (0.3, 0.25, 0.2)
    assert (setup.sensor_age_limit_s, setup.tick_s) == (0.06, 0.01)


@pytest.mark.parametrize("place", ["a = nan", "[a]\nb = -inf", "a = [1.0, nan]", "a = [{ b = inf }]"])
def test_no_number_that_is_not_finite_gets_past_the_reading(tmp_path: Path, place: str) -> None:
    path = tmp_path / "any.toml"
    path.write_text(f"format = 1\n{place}\n", encoding="utf-8")
    with pytest.raises(TreadctlError, match="not a quantity a belt can be given") as caught:
        read_toml(path)
    assert caught.value.kind.code == "TC104"


def test_a_device_that_wants_its_link_alone_is_refused_where_others_already_are(refusal: Refusal) -> None:
    error = refusal(('driver = "board"\nlink = "line"', 'driver = "greedy"\nlink = "bus"'))
    assert error.kind.code == "TC106"
    assert "devices[1]" in error.place
