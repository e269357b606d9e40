"""Numbered errors: one table for code, console and documentation. Raised at the edges only; inside the core a bad value is a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Whose doing an error is: LOCAL (what we were given or asked) or REMOTE (a device, a broker, the other end of a socket)."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the error table. `number` never changes its meaning and is never used again."""

    number: int
    name: str
    fault: Fault
    sentence: str
    remedy: str

    @property
    def code(self) -> str:
        """The number as people quote it, for example TC104."""
        return f"TC{self.number}"


_ROWS: Final = (
    # 1xx configuration and profiles
    ErrorKind(100, "file_missing", Fault.LOCAL, "the file cannot be read", "check the path and its permissions"),
    ErrorKind(101, "not_toml", Fault.LOCAL, "the file is not valid TOML", "mend the line named; quote strings, use = and [sections]"),
    ErrorKind(102, "unknown_key", Fault.LOCAL, "the key is not known here", "remove it or correct its spelling; profiles/schema/ lists the keys"),
    ErrorKind(103, "missing_key", Fault.LOCAL, "a required key or section is missing", "add it"),
    ErrorKind(104, "bad_value", Fault.LOCAL, "the value is not allowed", "use a value of the type, unit and range named"),
    ErrorKind(105, "wrong_unit", Fault.LOCAL, "the unit is not one that is understood here", "write the quantity in the unit the key ends in"),
    ErrorKind(106, "address_taken", Fault.LOCAL, "two devices share one address on one link", "give each device on a link its own unit number"),
    ErrorKind(107, "unknown_driver", Fault.LOCAL, "no installed driver or link has this name", "correct the name, or install the package that brings it"),
    ErrorKind(108, "unknown_link", Fault.LOCAL, "the device names a link that is not in the file", "add the [links.NAME] section or correct the name"),
    ErrorKind(109, "wrong_link_kind", Fault.LOCAL, "the device cannot live on this kind of link", "choose a link of a kind the driver supports"),
    ErrorKind(110, "yaml_refused", Fault.LOCAL, "YAML is not accepted", "write TOML: YAML reads 1:30 as 90 and no as false, which is unsafe on a belt"),
    ErrorKind(111, "format_version", Fault.LOCAL, "the file's format version is not one this release reads", "use a matching release, or convert the file"),
    ErrorKind(112, "channel_conflict", Fault.LOCAL, "a channel is missing or is provided twice", "let exactly one source provide each fitted channel"),
    ErrorKind(120, "beyond_machine", Fault.LOCAL, "the profile asks for more than machine or person may have", "lower the value, or use another machine"),
    ErrorKind(121, "bad_profile", Fault.LOCAL, "the profile cannot be walked as written", "mend the segment named"),
    ErrorKind(130, "extra_missing", Fault.LOCAL, "an optional package is not installed", "install treadctl with the extra named"),
    # 2xx ports and devices
    ErrorKind(200, "port_absent", Fault.REMOTE, "the port does not exist", "plug the adapter in, or name another port; `treadctl doctor` lists them"),
    ErrorKind(201, "port_busy", Fault.REMOTE, "the port is held by another program", "close that program; ModemManager is kept off by the shipped udev rule"),
    ErrorKind(202, "port_failed", Fault.REMOTE, "the port failed", "check cable, adapter and power"),
    ErrorKind(203, "port_permission", Fault.REMOTE, "the port may not be opened", "add the service user to the group that owns the port"),
    ErrorKind(204, "instance_running", Fault.LOCAL, "another treadctl daemon holds this machine", "stop the other one first"),
    # 3xx journal
    ErrorKind(300, "journal_cut", Fault.LOCAL, "the journal ends in the middle of a record", "the whole records before it are intact; keep the file as it is"),
    ErrorKind(301, "journal_altered", Fault.LOCAL, "the journal was altered", "treat everything from the named record on as unproven; keep the file"),
    ErrorKind(302, "journal_version", Fault.LOCAL, "the journal is of a version this release does not read", "use the release that wrote it"),
    ErrorKind(303, "journal_diverges", Fault.LOCAL, "the replay differs from what was recorded", "use the release named in the header, or report a defect"),
    ErrorKind(304, "journal_full", Fault.LOCAL, "the journal cannot be written", "free space on its file system; no session starts meanwhile"),
    # 4xx control socket
    ErrorKind(400, "no_daemon", Fault.REMOTE, "the daemon does not answer", "start it: systemctl start treadctld, or treadctl daemon --machine FILE"),
    ErrorKind(401, "bad_message", Fault.REMOTE, "the message is not one of the protocol", "use the client of the same release"),
    ErrorKind(402, "refused", Fault.LOCAL, "the request was refused", "see the reasons"),
    ErrorKind(403, "expired", Fault.LOCAL, "the request came too late", "ask again"),
    # 5xx MQTT
    ErrorKind(500, "broker_absent", Fault.REMOTE, "the broker cannot be reached", "check address, TLS and credentials; sessions run without it"),
    ErrorKind(501, "command_refused", Fault.REMOTE, "an MQTT command was refused", "publish it fresh, not retained, signed and within its expiry"),
    # 6xx records and console
    ErrorKind(600, "database_absent", Fault.REMOTE, "the database cannot be reached", "check its address and that it runs; the belt does not need it"),
    ErrorKind(601, "database_newer", Fault.LOCAL, "the database is of a newer release", "use that release; this one has changed nothing in it"),
    ErrorKind(602, "database_busy", Fault.REMOTE, "the database is held by somebody else", "try again; if it lasts, end the program that holds it"),
    ErrorKind(603, "database_full", Fault.REMOTE, "the database cannot be written", "free space on its file system; nothing was half written"),
    ErrorKind(604, "database_damaged", Fault.REMOTE, "the database cannot be read", "restore the last copy; sessions can be read again from the journal"),
    ErrorKind(605, "record_missing", Fault.LOCAL, "there is no such record", "go back to the list and choose again"),
    ErrorKind(606, "record_changed", Fault.LOCAL, "somebody else has changed this meanwhile", "look at what they wrote, then enter yours again"),
    ErrorKind(607, "record_exists", Fault.LOCAL, "there is one of this name already", "choose another name"),
    ErrorKind(608, "names_locked", Fault.LOCAL, "names cannot be read or written", "put the key of names in its place; ids and records work without it"),
    ErrorKind(609, "audit_altered", Fault.LOCAL, "the audit trail was altered", "treat everything from the named entry on as unproven; keep the database"),
    ErrorKind(640, "work_full", Fault.LOCAL, "too much is being made already", "wait until one of the waiting jobs is done, then ask again"),
    ErrorKind(641, "work_failed", Fault.LOCAL, "it could not be made", "ask again; if it recurs, report it with the job's id"),
    ErrorKind(642, "work_too_long", Fault.LOCAL, "it took too long and was given up", "ask for less, or ask again when the computer is idle"),
    ErrorKind(643, "work_gone", Fault.LOCAL, "it is no longer kept", "have it made again"),
)

ERRORS: Final = {row.name: row for row in _ROWS}


class TreadctlError(Exception):
    """An error for a person: its number, what is wrong, where exactly, and what to do.

    `place` is as exact as known: file, section and key, joined with " > "; `detail` is the fact found, in plain words.
    """

    def __init__(self, name: str, place: str, detail: str = "") -> None:
        self.kind = ERRORS[name]
        self.place = place
        self.detail = detail
        super().__init__(str(self))

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind.code} {self.place}: {self.kind.sentence}{detail}. Remedy: {self.kind.remedy}."
