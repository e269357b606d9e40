"""The fault switchboard: one table of everything that can be made to go wrong, and the switches.

A row names the fault, says what happens, lists its parameters with their defaults, and says what a hardware-in-the-loop test expects of the
daemon. Rows of the wire carry the function that spoils a reply; the others are asked for by the part concerned (`params(name)`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Params = Mapping[str, Any]
Finish = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a device on its way out. `request` and `body` are unit and PDU (or a bare command and reply in a dialect without frames)."""

    request: bytes
    body: bytes
    raw: bytes = b""
    delay_s: float = 0.0


Spoil = Callable[[Reply, Params, random.Random], list[Reply]]


# body: what is said, with a correct check sum --------------------------------------------------------------------------------------------------
def _with_body(reply: Reply, body: bytes) -> list[Reply]:
    return [Reply(reply.request, body, reply.raw, reply.delay_s)]


def wrong_value(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Change the last data bytes of a read."""
    body = bytearray(reply.body)
    if len(body) < 3:
        return [reply]
    body[-2] ^= params["xor"] >> 8 & 0xFF
    body[-1] ^= params["xor"] & 0xFF
    return _with_body(reply, bytes(body))


def wrong_unit(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Answer under another unit number."""
    return _with_body(reply, bytes((reply.body[0] + params["add"] & 0xFF,)) + reply.body[1:])


def wrong_function(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Answer another function."""
    if len(reply.body) < 2:
        return _with_body(reply, bytes((reply.body[0] ^ 1,)))
    return _with_body(reply, reply.body[:1] + bytes((reply.body[1] ^ 1,)) + reply.body[2:])


def _is_write_echo(reply: Reply) -> bool:
    return len(reply.body) == 6 and reply.body[1] in (5, 6, 15, 16)


def wrong_address_echo(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Echo a write with another register."""
    if not _is_write_echo(reply):
        return [reply]
    return _with_body(reply, reply.body[:3] + bytes((reply.body[3] ^ 1,)) + reply.body[4:])


def wrong_value_echo(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Echo a write with another value or count."""
    if not _is_write_echo(reply):
        return [reply]
    return _with_body(reply, reply.body[:5] + bytes((reply.body[5] ^ 1,)))


def wrong_count(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Answer a read with one register less."""
    if len(reply.body) < 5 or reply.body[1] not in (3, 4):
        return [reply]
    return _with_body(reply, reply.body[:2] + bytes((reply.body[2] - 2,)) + reply.body[3:-2])


def _refusal(reply: Reply, code: int) -> list[Reply]:
    if len(reply.request) == 1 or reply.request[0] >= 0xA0:  # the dialect without frames has one refusing byte
        return _with_body(reply, b"\xbf")
    return _with_body(reply, bytes((reply.body[0], reply.request[1] | 0x80, code)))


def exception_code(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Refuse with an exception code."""
    return _refusal(reply, params["code"])


def busy_forever(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Exception 06 to everything."""
    return _refusal(reply, 6)


# frame: the bytes on the wire --------------------------------------------------------------------------------------------------------------------
def _with_raw(reply: Reply, raw: bytes) -> list[Reply]:
    return [Reply(reply.request, reply.body, raw, reply.delay_s)]


def bit_flip(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Flip one random bit."""
    raw = bytearray(reply.raw)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return _with_raw(reply, bytes(raw))


def truncation(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Lose the end."""
    return _with_raw(reply, reply.raw[: max(0, len(reply.raw) - params["bytes"])])


def extra_byte(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """One byte too many at the end."""
    return _with_raw(reply, reply.raw + b"\x00")


def leading_zero(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """A stray byte before the frame, as a driver switching its transmitter on leaves it."""
    return _with_raw(reply, bytes((params["byte"],)) + reply.raw)


# delivery: when and how often ----------------------------------------------------------------------------------------------------------------------
def late_reply(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Answer late."""
    return [Reply(reply.request, reply.body, reply.raw, reply.delay_s + params["ms"] / 1000.0)]


def duplicate_reply(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Answer twice."""
    return [reply, Reply(reply.request, reply.body, reply.raw, reply.delay_s + params["ms"] / 1000.0)]


def lost_reply(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Do it and say nothing."""
    return []


def gap_inside(reply: Reply, params: Params, rng: random.Random) -> list[Reply]:
    """Pause in the middle of the frame."""
    half = len(reply.raw) // 2
    return [
        Reply(reply.request, reply.body, reply.raw[:half], reply.delay_s),
        Reply(reply.request, reply.body, reply.raw[half:], reply.delay_s + params["ms"] / 1000.0),
    ]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row. `layer`: body, frame or delivery (carry `spoil`), device, plant, sensor, port."""

    name: str
    layer: str
    what: str
    expect: str
    params: Params = field(default_factory=dict)
    spoil: Spoil | None = None


_WIRE: Final[Params] = {"device": "drive", "only": "any", "count": 0, "probability": 1.0}  # only: any, read, write; count 0 = until switched off


def _wire(name: str, layer: str, spoil: Spoil, what: str, expect: str, **params: str | float) -> FaultKind:
    return FaultKind(name, layer, what, expect, {**_WIRE, **params}, spoil)


_REFUSED: Final = "reply discarded and counted; drive lost if it lasts"
_UNCONFIRMED: Final = "order not confirmed; a stop is repeated, then enable dropped"
_LOST: Final = "drive lost: SS1 attempt, enable dropped within 150 ms"

FAULTS: Final = (
    _wire("wrong_value", "body", wrong_value, "a read answers another value, with a correct check sum", "implausible or disagreeing speed trips", xor=0x0400),
    _wire("wrong_unit", "body", wrong_unit, "the reply carries another unit number", _REFUSED, add=1),
    _wire("wrong_function", "body", wrong_function, "the reply carries another function code", _REFUSED),
    _wire("wrong_address_echo", "body", wrong_address_echo, "a write is echoed with another register", _UNCONFIRMED),
    _wire("wrong_value_echo", "body", wrong_value_echo, "a write is echoed with another value", _UNCONFIRMED),
    _wire("wrong_count", "body", wrong_count, "a read answers one register less", _REFUSED),
    _wire("exception_code", "body", exception_code, "every request is refused with a code", _LOST, code=4),
    _wire("busy_forever", "body", busy_forever, "every request is answered with busy", _LOST),
    _wire("bit_flip", "frame", bit_flip, "one bit of the reply flips", _REFUSED),
    _wire("truncation", "frame", truncation, "the end of the reply is lost", _REFUSED, bytes=2),
    _wire("extra_byte", "frame", extra_byte, "the reply has a byte too many", _REFUSED),
    _wire("leading_zero", "frame", leading_zero, "a stray byte precedes the reply", _REFUSED, byte=0),
    _wire("late_reply", "delivery", late_reply, "replies come late", "never credited to a later request; drive lost if beyond the time-out", ms=80.0),
    _wire("duplicate_reply", "delivery", duplicate_reply, "each reply comes twice", "the second is never credited to the next request", ms=0.0),
    _wire("lost_reply", "delivery", lost_reply, "requests are done but not answered", _LOST),
    _wire("gap_inside", "delivery", gap_inside, "a pause inside the reply", "accepted or discarded, never half used", ms=5.0),
    # devices on the wire
    FaultKind("silent", "device", "a device neither hears nor answers", _LOST, {"device": "drive"}),
    FaultKind("io_silent", "device", "the I/O module neither hears nor answers", "sensor channels stale: SS1; enable drops by the module's own timer"),
    FaultKind("babble", "device", "a device talks without being asked", _LOST, {"wire": "drive", "bytes": 3, "period_ms": 5.0}),
    FaultKind("gap_strict", "device", "devices ignore a request that follows too closely", "none: the daemon keeps the silence", {"wire": "drive"}),
    FaultKind("baud_mismatch", "device", "the device was set to another baud rate", _LOST, {"wire": "drive"}),
    FaultKind("echo", "device", "the adapter lets the host hear itself", "own echo never taken for a reply", {"wire": "drive"}),
    FaultKind("watchdog_off", "device", "the drive does not take the time-out written", "not attested: start refused"),
    FaultKind("watchdog_dead", "device", "the drive's time-out reads well but never acts", "second line: enable output expires"),
    FaultKind("wrong_identity", "device", "another machine answers", "nothing is ever written", {"vendor": "Somebody Else", "product": "VFD-1"}),
    FaultKind("trip", "device", "the drive faults and lets the belt coast", "drive fault: SS1 and enable off", {"code": 9}),
    FaultKind("brownout", "device", "the drive loses power; switch off = power returns", _LOST),
    # plant
    FaultKind("drive_ignores_stop", "plant", "stops and slower speeds are echoed and not done", "envelope missed: STO by the enable output"),
    FaultKind("drive_stops_slowly", "plant", "stops take a gentle ramp", "envelope missed: STO", {"mps2": 0.2}),
    FaultKind("coast_after_stop", "plant", "a stop lets the belt coast", "envelope missed: STO"),
    FaultKind("weak_brake", "plant", "most of the braking force is gone", "envelope missed: STO", {"fraction": 0.1}),
    FaultKind("slow_orders", "plant", "every order takes effect late", "envelope missed or speed not following", {"ms": 400.0}),
    FaultKind("runaway", "plant", "the belt runs faster than told", "overspeed: STO", {"gain": 1.2}),
    FaultKind("wrong_direction", "plant", "two phases are swapped", "wrong direction: STO"),
    FaultKind("speed_frozen", "plant", "the drive's speed register stands still", "disagrees with the encoder, or speed not following"),
    FaultKind("creep_at_standstill", "plant", "the belt creeps with nothing ordered", "motion at standstill: STO", {"mps": 0.06}),
    FaultKind("belt_drag", "plant", "a roller jams: heavy drag", "speed not following: SS1", {"newton": 300.0}),
    # sensors
    FaultKind("rail_stuck_on", "sensor", "a load cell reports a steady load", "imbalance or frozen: SS1", {"side": "left", "newton": 300.0}),
    FaultKind("rail_stuck_off", "sensor", "a load cell reports no load", "frozen channel: SS1", {"side": "left"}),
    FaultKind("rail_frozen", "sensor", "a load cell stays at its last value", "frozen channel: SS1", {"side": "left"}),
    FaultKind("rail_drift", "sensor", "a load cell drifts", "no false stop at once; noted", {"side": "left", "n_per_s": 2.0}),
    FaultKind("rail_flutter", "sensor", "a load cell jumps to and fro", "implausible or imbalance: SS1", {"side": "left", "newton": 200.0}),
    FaultKind("rail_broken_wire", "sensor", "a load cell's wire is broken", "implausible channel: SS1", {"side": "left"}),
    FaultKind("rail_short_circuit", "sensor", "a load cell reads full scale", "implausible channel: SS1", {"side": "left"}),
    FaultKind("rail_swap", "sensor", "left and right are swapped", "found by the proof test"),
    FaultKind("cord_a_stuck_closed", "sensor", "channel A of the cord is welded", "discrepancy: STO, never clears"),
    FaultKind("cord_b_stuck_closed", "sensor", "channel B of the cord is welded", "discrepancy: STO, never clears"),
    FaultKind("cord_short", "sensor", "both channels are bridged", "found by the proof test: start refused"),
    FaultKind("cord_wire_open", "sensor", "channel A's wire is broken", "cord open at once"),
    FaultKind("cord_bounce", "sensor", "both channels open for some milliseconds now and then", "beyond the switch's bounce: cord stop",
              {"ms": 8.0, "period_ms": 200.0}),
    FaultKind("estop_open", "sensor", "the emergency-stop chain opens", "STO"),
    FaultKind("enable_feedback_stuck", "sensor", "the feedback does not follow the enable", "feedback disagrees: STO", {"closed": True}),
    FaultKind("enable_relay_welded", "sensor", "the enable relay stays closed", "feedback disagrees: STO attempted, SS1 by the drive"),
    FaultKind("belt_sensor_frozen", "sensor", "the independent encoder stays at its last value", "disagrees with the drive: STO or SS1"),
    FaultKind("belt_sensor_lost", "sensor", "the independent encoder gives nothing", "channel absent: SS1"),
    FaultKind("trunk_lost", "sensor", "the worn sensor's radio link is lost; its last sample is repeated for a while", "implausible: its detector is blind",
              {"repeat_ms": 50.0}),
    FaultKind("trunk_frozen", "sensor", "the worn sensor repeats its last sample for ever", "frozen after 0.2 s: its detector is blind"),
    FaultKind("trunk_saturated", "sensor", "one field of the worn sensor reads full scale: 0-2 force, 3-5 rate", "implausible: its detector is blind",
              {"field": 2}),
    FaultKind("trunk_swapped_axes", "sensor", "the first and third axis of the worn sensor are swapped", "none: nothing depends on how it is turned"),
    FaultKind("trunk_upside_down", "sensor", "the worn sensor is turned half round about its first axis", "none where it is worn so from the start"),
    FaultKind("trunk_overflow", "sensor", "knocks beyond the worn sensor's range; its 16 bits wrap around instead of saturating",
              "implausible while wrapped, good right after", {"g": 20.0, "ms": 80.0, "period_ms": 1000.0}),
    FaultKind("board_silent", "sensor", "the sensor board stops talking", "channels stale within 100 ms: SS1"),
    FaultKind("board_bad_crc", "sensor", "every line of the board has a wrong check sum", "channels stale within 100 ms: SS1"),
    FaultKind("board_seq_repeat", "sensor", "the board repeats its sequence number", "lines invalid: channels stale, SS1"),
    FaultKind("board_clock_frozen", "sensor", "the board's clock stands still", "channels stale: SS1"),
    FaultKind("board_rate_collapse", "sensor", "the board sends rarely", "channels stale: SS1", {"hz": 4.0}),
    FaultKind("board_garbage", "sensor", "random bytes between the board's lines", "garbage skipped, good lines used", {"bytes": 20}),
    FaultKind("io_watchdog_off", "sensor", "the I/O module does not take its output time-out", "read-back differs: start refused"),
    # ports
    FaultKind("unplug", "port", "the adapter or cable is pulled; switch off = plugged in again under the same name",
              "port lost: SS1 attempt, enable off; reconnects, never restarts", {"wire": "drive"}),
)


def find(name: str) -> FaultKind:
    """The row of a name. Raises ValueError for an unknown one."""
    for kind in FAULTS:
        if kind.name == name:
            return kind
    raise ValueError(f"unknown fault {name!r}; the command faults lists them")


class Switchboard:
    """Which faults are on. `on_switch(name, on, params)` is called after each change, for what must happen once."""

    def __init__(self, seed: int = 0) -> None:
        self._on: dict[str, dict[str, Any]] = {}
        self._left: dict[str, int] = {}
        self.hits: dict[str, int] = {}
        self._rng = random.Random(seed)  # noqa: S311 - a simulation wants repeatable numbers
        self.on_switch: Callable[[str, bool, Params], None] | None = None

    def switch(self, name: str, on: bool, params: Params | None = None) -> None:
        """Throw a switch. Raises ValueError for an unknown fault or parameter, or a value of the wrong type; then nothing changes."""
        kind = find(name)
        chosen = {**kind.params, **_checked(kind, params or {})}
        if on:
            self._on[name] = chosen
            self._left[name] = int(chosen.get("count", 0))
        elif self._on.pop(name, None) is None:
            return
        if self.on_switch is not None:
            self.on_switch(name, on, chosen)

    def params(self, name: str) -> Params | None:
        """The parameters of a fault that is on, None while it is off."""
        return self._on.get(name)

    def rows(self) -> list[dict[str, Any]]:
        """The table, for the control socket."""
        return [
            {"name": k.name, "layer": k.layer, "what": k.what, "expect": k.expect, "params": dict(self._on.get(k.name, k.params)), "on": k.name in self._on,
             "hits": self.hits.get(k.name, 0)}
            for k in FAULTS
        ]

    def shape(self, device: str, request: bytes, body: bytes, finish: Finish, *, write: bool) -> list[Reply]:
        """Send a reply through every wire fault that is on for this device. `finish` puts the frame around a body."""
        if not self._on:
            return [Reply(request, body, finish(body))]
        replies = self._through("body", device, [Reply(request, body)], write)
        replies = [Reply(r.request, r.body, finish(r.body), r.delay_s) for r in replies]
        replies = self._through("frame", device, replies, write)
        return self._through("delivery", device, replies, write)

    def _through(self, layer: str, device: str, replies: list[Reply], write: bool) -> list[Reply]:
        for kind in FAULTS:
            params = self._on.get(kind.name)
            if kind.layer != layer or params is None or kind.spoil is None or not replies or not self._strikes(kind, params, device, write):
                continue
            self.hits[kind.name] = self.hits.get(kind.name, 0) + 1
            replies = [out for r in replies for out in kind.spoil(r, params, self._rng)]
        return replies

    def _strikes(self, kind: FaultKind, params: Params, device: str, write: bool) -> bool:
        if params["device"] not in (device, "any") or (params["only"] == "read" and write) or (params["only"] == "write" and not write):
            return False
        if params["probability"] < 1.0 and self._rng.random() >= params["probability"]:
            return False
        if self._left[kind.name] > 0:
            self._left[kind.name] -= 1
            if self._left[kind.name] == 0:
                del self._on[kind.name]
        return True

    def random_bytes(self, count: int) -> bytes:
        """Noise, repeatable by the seed."""
        return self._rng.randbytes(count)


def _checked(kind: FaultKind, params: Params) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in params.items():
        if key not in kind.params:
            raise ValueError(f"fault {kind.name} has no parameter {key!r}; known: {', '.join(kind.params) or 'none'}")
        default = kind.params[key]
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)  # noqa: PLW2901 - the same quantity, written without a point
        if type(value) is not type(default):
            raise ValueError(f"fault {kind.name}: {key} = {value!r} must be like {default!r}")
        out[key] = value
    return out
