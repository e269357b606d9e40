"""Machine files: one TOML file per treadmill, checked completely before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from treadctl.config.channels import check_channels, provided_channels, remarks
from treadctl.config.problems import first_problem, validate
from treadctl.config.registry import InstalledRegistry, Registry
from treadctl.config.sections import DaemonSection, DeviceTable, EnableSection, LimitsSection, LinkTable, MachineFile, MachineSection, SafetySection
from treadctl.config.toml_file import TomlFile, join_place, read_toml
from treadctl.config.tuning import SHIPPED, Tuning, load_tuning
from treadctl.core.limits import Limits
from treadctl.core.sample import ChannelId
from treadctl.core.setup import Setup
from treadctl.core.thresholds import DetectorThresholds
from treadctl.errors import TreadctlError
from treadctl.ports import DeviceFamily, LinkFamily


@dataclass(frozen=True, slots=True)
class LinkEntry:
    """One [links.NAME] table: `config` is an instance of `family.config_model`; `family.build(config, clock)` makes the bus."""

    name: str
    kind: str
    config: Any
    family: LinkFamily


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """The [drive] or one of [[devices]]: `family.build(config, bus_of_link, clock)` makes it. `name` is the driver's unless the table has one."""

    name: str
    driver: str
    link: str
    address: int | None
    channels: frozenset[ChannelId]
    config: Any
    family: DeviceFamily
    section: str


@dataclass(frozen=True, slots=True)
class MachineConfig:
    """A machine, wholly checked. Nothing has been opened yet. `sha256` is of the file's bytes, for the journal's header."""

    path: Path
    sha256: str
    machine: MachineSection
    limits: LimitsSection
    safety: SafetySection
    links: Mapping[str, LinkEntry]
    drive: DeviceEntry
    devices: tuple[DeviceEntry, ...]
    enable: EnableSection
    daemon: DaemonSection
    fitted: frozenset[ChannelId]
    tuning: Tuning | None  # of the waist sensor, where one is fitted

    @property
    def name(self) -> str:
        """The machine's short name."""
        return self.machine.name

    @property
    def enable_device(self) -> DeviceEntry:
        """The device that carries the enable output."""
        return next(device for device in self.devices if device.name == self.enable.device)

    def core_limits(self) -> Limits:
        """The machine's limits as the core takes them."""
        return self.limits.core()

    def core_setup(self) -> Setup:
        """Everything the core is told once about this machine."""
        safety = self.safety
        return Setup(
            limits=self.core_limits(),
            fitted=self.fitted,
            cord_wiring=safety.cord_wiring,
            proof=safety.proof,
            proof_valid_s=safety.proof_valid_s,
            tick_s=self.daemon.tick_s,
            sensor_age_limit_s=safety.sensor_age_limit_s,
            drive_age_limit_s=safety.drive_age_limit_s,
            watchdog_limit_s=safety.drive_watchdog_limit_s,
            stop_confirm_limit_s=safety.stop_confirm_limit_s,
            stop_reaction_s=safety.stop_reaction_s,
            detectors=DetectorThresholds(rails=safety.rails.core()),
            trunk_tuning=self.tuning.core if self.tuning is not None else None,
        )

    def remarks(self) -> tuple[str, ...]:
        """What is allowed but worth knowing: recommended channels that are not fitted."""
        return remarks(self.fitted)


def load_machine(path: Path | str, registry: Registry | None = None) -> MachineConfig:
    """Read and check a machine file. Opens no port. Raises the TreadctlError (TC100 to TC112) of the first thing wrong.

    `registry` defaults to the installed packages; only the links and drivers that the file names are imported.
    """
    source = read_toml(Path(path))
    found = registry if registry is not None else InstalledRegistry()
    file = validate(MachineFile, source.table, source.place)
    links = {name: _link(name, table, source, found) for name, table in file.links.items()}
    _check_ports(links, source)
    drive = _device(file.drive, "drive", "drive", links, source, found)
    devices = tuple(_device(table, f"devices[{index + 1}]", "sensor", links, source, found) for index, table in enumerate(file.devices))
    _check_names(drive, devices, source)
    _check_addresses((drive, *devices), source)
    fitted = check_channels(((device.section, device.channels) for device in (drive, *devices)), source.place)
    _check_references(file, devices, fitted, source)
    _check_agreement(file, drive, source)
    _check_wire(links[drive.link], devices, file.safety.drive_age_limit_s, source)
    named = file.safety.trunk_tuning
    tuning_path = SHIPPED if named is None else source.path.parent / named  # an absolute name stays itself
    return MachineConfig(
        path=source.path,
        sha256=source.sha256,
        machine=file.machine,
        limits=file.limits,
        safety=file.safety,
        links=links,
        drive=drive,
        devices=devices,
        enable=file.enable,
        daemon=file.daemon,
        fitted=fitted,
        tuning=load_tuning(tuning_path) if ChannelId.TRUNK in fitted else None,
    )


def _text(table: Mapping[str, Any], key: str, source: TomlFile, section: str, about: str) -> str:
    where = join_place(source.place, section, key)
    if key not in table:
        raise TreadctlError("missing_key", where, about)
    value = table[key]
    if not isinstance(value, str) or not value:
        raise TreadctlError("bad_value", where, f"must be a text in quotes, the file has {value!r}; it is {about}")
    return value


def _own_part(model: type[BaseModel], table: Mapping[str, Any], common: frozenset[str]) -> dict[str, Any]:
    """The table without the keys that are ours, except where the driver's model declares one of them itself."""
    return {key: value for key, value in table.items() if key not in common or key in model.model_fields}


def _checked(model: type[BaseModel], table: Mapping[str, Any], common: type[LinkTable | DeviceTable], source: TomlFile, section: str) -> BaseModel:
    own = _own_part(model, table, frozenset(key.value for key in common))
    try:
        # By way of JSON, so that a strict model may use tuples, sets and enumerations: TOML has only lists and texts. A date stays a text.
        return model.model_validate_json(json.dumps(own, default=str, allow_nan=False))
    except ValidationError as error:
        raise first_problem(error, model, own, source.place, (section,)) from error


def _link(name: str, table: Mapping[str, Any], source: TomlFile, registry: Registry) -> LinkEntry:
    section = f"links.{name}"
    kind = _text(table, LinkTable.KIND, source, section, "the kind of link, such as modbus_rtu")
    family = registry.link(kind, join_place(source.place, section, LinkTable.KIND))
    return LinkEntry(name=name, kind=kind, config=_checked(family.config_model, table, LinkTable, source, section), family=family)


def _device(table: Mapping[str, Any], section: str, role: str, links: Mapping[str, LinkEntry], source: TomlFile, registry: Registry) -> DeviceEntry:
    driver = _text(table, DeviceTable.DRIVER, source, section, "the name of an installed driver")
    family = registry.driver(driver, join_place(source.place, section, DeviceTable.DRIVER))
    if (family.role == "drive") is not (role == "drive"):
        wanted = "belongs in [drive]" if family.role == "drive" else "is no drive; it belongs in [[devices]]"
        raise TreadctlError("bad_value", join_place(source.place, section, DeviceTable.DRIVER), f"{driver} {wanted}")
    link = _text(table, DeviceTable.LINK, source, section, "the name of a [links.NAME] section")
    where = join_place(source.place, section, DeviceTable.LINK)
    if link not in links:
        raise TreadctlError("unknown_link", where, f"{link!r}; the file has {', '.join(links)}")
    if links[link].kind not in family.link_kinds:
        kinds = ", ".join(sorted(family.link_kinds))
        raise TreadctlError("wrong_link_kind", where, f"{link} is {links[link].kind}; {driver} lives on {kinds}")
    config = _checked(family.config_model, table, DeviceTable, source, section)
    name = _text(table, DeviceTable.NAME, source, section, "the device's name") if DeviceTable.NAME in table else driver
    channels = frozenset[ChannelId]() if role == "drive" else provided_channels(family, config, table)
    return DeviceEntry(name, driver, link, family.address(config), channels, config, family, section)


def _check_ports(links: Mapping[str, LinkEntry], source: TomlFile) -> None:
    owner: dict[tuple[object, object], str] = {}
    for name, entry in links.items():
        host, port = getattr(entry.config, "host", None), getattr(entry.config, "port", None)
        if port is None:
            continue
        if (host, port) in owner:
            shown = port if host is None else f"{host}:{port}"
            raise TreadctlError("bad_value", join_place(source.place, f"links.{name}", "port"), f"{shown} is already the port of links.{owner[host, port]}")
        owner[host, port] = name


def _check_names(drive: DeviceEntry, devices: tuple[DeviceEntry, ...], source: TomlFile) -> None:
    seen = {drive.name: drive.section}
    for device in devices:
        if device.name in seen:
            where = join_place(source.place, device.section, DeviceTable.NAME)
            raise TreadctlError("bad_value", where, f"{device.name!r} is already the name of {seen[device.name]}; give each its own `name`")
        seen[device.name] = device.section


def _check_addresses(devices: tuple[DeviceEntry, ...], source: TomlFile) -> None:
    owner: dict[tuple[str, int | None], str] = {}
    alone: dict[str, str] = {}
    users: dict[str, str] = {}
    for device in devices:
        where = join_place(source.place, device.section)
        if device.link in alone or (device.address is None and device.link in users):
            other = alone.get(device.link) or users[device.link]
            raise TreadctlError("address_taken", where, f"{device.driver} and {other} cannot share link {device.link}: one of them needs it for itself")
        if (device.link, device.address) in owner:
            raise TreadctlError("address_taken", where, f"unit {device.address} on link {device.link} is already {owner[device.link, device.address]}")
        owner[device.link, device.address] = device.section
        users[device.link] = device.section
        if device.address is None:
            alone[device.link] = device.section


def _check_references(file: MachineFile, devices: tuple[DeviceEntry, ...], fitted: frozenset[ChannelId], source: TomlFile) -> None:
    names = [device.name for device in devices]
    if file.enable.device not in names:
        where = join_place(source.place, "enable", "device")
        raise TreadctlError("bad_value", where, f"{file.enable.device!r} is not a device of this file; it has {', '.join(names)}")
    for channel in file.safety.proof:
        if channel not in fitted:
            raise TreadctlError("channel_conflict", join_place(source.place, "safety", "proof"), f"no device provides {channel.value}, so it cannot be proven")


SHARED_EXCHANGES: Final = 24
"""Exchanges between two readings of the drive's speed on a line that an I/O module shares, at worst: a start or a stop takes up to four of the drive's own, and
the module's pair and its renewal go between any two. Counted in virtual time by tests/drivers/test_shared_bus.py."""


def _check_wire(link: LinkEntry, devices: tuple[DeviceEntry, ...], drive_age_limit_s: float, source: TomlFile) -> None:
    """A line that drive and module share must be fast enough that no status of the drive grows too old: it would stop people for nothing."""
    if link.name not in {device.link for device in devices}:
        return
    least_s = SHARED_EXCHANGES * link.family.least_exchange_s(link.config)
    if least_s > drive_age_limit_s:
        detail = (
            f"too slow to be shared by drive and I/O module: the drive's status may grow {1e3 * least_s:.0f} ms old, and safety > drive_age_limit_s allows "
            f"{1e3 * drive_age_limit_s:.0f} ms; use 38400 or more, or a line for each"
        )
        raise TreadctlError("bad_value", join_place(source.place, f"links.{link.name}", "baud"), detail)


def _check_agreement(file: MachineFile, drive: DeviceEntry, source: TomlFile) -> None:
    """[limits] and [safety] must not promise what the driver's own table denies. Looks only at keys the driver has."""
    limits, config = file.limits, drive.config
    denied = (
        ("limits", "max_speed_forward_mps", limits.max_speed_forward_mps, "max_speed_mps"),
        ("limits", "max_speed_reverse_mps", limits.max_speed_reverse_mps, "max_speed_mps"),
        ("limits", "max_grade_percent", limits.max_grade_percent, "max_grade_percent"),
    )
    for section, key, asked, own in denied:
        allowed = getattr(config, own, None)
        if allowed is not None and asked > allowed:
            raise TreadctlError("bad_value", join_place(source.place, section, key), f"{asked:g} is more than drive > {own} = {allowed:g}")
    if getattr(config, "reverse", True) is False and limits.max_speed_reverse_mps > 0.0:
        raise TreadctlError("bad_value", join_place(source.place, "limits", "max_speed_reverse_mps"), "must be 0: drive > reverse is false")
    watchdog_s, longest_s = getattr(config, "watchdog_s", None), file.safety.drive_watchdog_limit_s
    if watchdog_s is not None and watchdog_s > longest_s:
        detail = f"{watchdog_s:g} is longer than safety > drive_watchdog_limit_s = {longest_s:g}: the drive could never be attested"
        raise TreadctlError("bad_value", join_place(source.place, drive.section, "watchdog_s"), detail)
