"""The Modbus codec: what is built, what is accepted, and that two decoders agree about it."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadDiscreteInputsResponse
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from treadctl_drivers._exchange import INCOMPLETE, Exchange, Value, Wrong, WrongKind
from treadctl_drivers._modbus import Framing, Identity, Modbus, crc16, pdu_length

RTU, TCP = Modbus(Framing.RTU), Modbus(Framing.TCP)
SERVER_RTU, SERVER_TCP = FramerRTU(DecodePDU(False)), FramerSocket(DecodePDU(False))
CLIENT = DecodePDU(False)


def reply_of(framing: Framing, pdu: ModbusPDU, number: int = 7) -> bytes:
    """A reply as pymodbus' server side would send it."""
    pdu.transaction_id = number
    return (SERVER_RTU if framing is Framing.RTU else SERVER_TCP).buildFrame(pdu)


@pytest.mark.parametrize("framing", list(Framing))
def test_every_kind_of_read_gives_its_values(framing: Framing) -> None:
    modbus = Modbus(framing)
    holding = reply_of(framing, ReadHoldingRegistersResponse(dev_id=3, registers=[1, 65535]))
    inputs = reply_of(framing, ReadInputRegistersResponse(dev_id=3, registers=[9]))
    bits = reply_of(framing, ReadDiscreteInputsResponse(dev_id=3, bits=[True, False, True, False, False, False, False, False, True]))
    who = reply_of(framing, ReadDeviceInformationResponse(dev_id=3, information={0: b"Schneider Electric", 1: b"ATV320", 2: b"V1"}))
    cases: list[tuple[Exchange[object], bytes, object]] = [
        (modbus.read_registers(3, 10, 2), holding, (1, 65535)),
        (modbus.read_registers(3, 10, 1, input_registers=True), inputs, (9,)),
        (modbus.read_discrete(3, 0, 9), bits, (True, False, True, False, False, False, False, False, True)),
        (modbus.read_identity(3), who, Identity("Schneider Electric", "ATV320", "V1")),
    ]
    for exchange, reply, value in cases:
        assert exchange.verify(reply, 7) == Value(value, len(reply))
        for cut in range(len(reply)):
            assert exchange.verify(reply[:cut], 7) == INCOMPLETE


@pytest.mark.parametrize("framing", list(Framing))
def test_every_kind_of_write_is_answered_by_its_own_echo_only(framing: Framing) -> None:
    modbus = Modbus(framing)
    single = modbus.write_register(1, 8501, 7)
    coil = modbus.write_coil(1, 3, True)
    for exchange in (single, coil):
        echo = (b"\x00\x07" + exchange.request[2:]) if framing is Framing.TCP else exchange.request
        assert exchange.verify(echo, 7) == Value(None, len(echo))
        other = modbus.write_register(1, 8501, 6) if exchange is single else modbus.write_coil(1, 3, False)
        wrong = (b"\x00\x07" + other.request[2:]) if framing is Framing.TCP else other.request
        verdict = exchange.verify(wrong, 7)
        assert isinstance(verdict, Wrong)
        assert verdict.kind is WrongKind.MISMATCH
    for several in (modbus.write_registers(1, 100, [1, 2, 3]), modbus.write_coils(1, 100, [True] * 3)):
        function = several.request[7] if framing is Framing.TCP else several.request[1]
        pdu = bytes((function, 0, 100, 0, 3))
        reply = b"\x00\x07\x00\x00\x00\x06\x01" + pdu if framing is Framing.TCP else b"\x01" + pdu + crc16(b"\x01" + pdu)
        assert several.verify(reply, 7) == Value(None, len(reply))


def test_a_stop_frame_is_built_once_and_is_always_the_same_bytes() -> None:
    assert RTU.write_register(1, 8501, 7).request == bytes.fromhex("01 06 21 35 00 07 d2 3a")
    assert TCP.write_register(1, 8501, 7).request[2:] == bytes.fromhex("0000 0006 01 06 2135 0007")


def test_a_refusal_is_told_with_its_code() -> None:
    body = bytes((1, 0x83, 2))
    assert RTU.read_registers(1, 5, 1).verify(body + crc16(body), 0) == Wrong(WrongKind.EXCEPTION, "illegal address", 5, 2)
    other = bytes((1, 0x86, 2))
    verdict = RTU.read_registers(1, 5, 1).verify(other + crc16(other), 0)
    assert isinstance(verdict, Wrong)
    assert verdict.kind is WrongKind.MISMATCH, "the refusal of another function"


def test_a_tcp_header_that_is_none_is_out_of_step() -> None:
    for junk in (b"HTTP/1.1 400 Bad", b"\x00\x07\x00\x01\x00\x05\x01\x03\x02\x00\x01", b"\x00\x07\x00\x00\xff\xff\x01\x03"):
        verdict = TCP.read_registers(1, 5, 1).verify(junk, 7)
        assert isinstance(verdict, Wrong)
        assert verdict.kind is WrongKind.DESYNC


def test_an_endless_promise_is_not_waited_for() -> None:
    endless = bytes((1, 0x2B, 14, 1, 1, 0, 0, 255)) + b"\x00\xff" + b"x" * 260
    verdict = RTU.read_identity(1).verify(endless, 0)
    assert isinstance(verdict, Wrong)


@pytest.mark.parametrize("value", [-1, 65536])
def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(value: int) -> None:
    with pytest.raises(ValueError, match="fit"):
        RTU.write_register(1, 8602, value)


@given(st.binary(max_size=64))
def test_no_bytes_make_the_judge_raise_and_every_verdict_moves_on(buffer: bytes) -> None:
    for exchange in (RTU.read_registers(1, 1, 1), RTU.write_register(1, 1, 1), RTU.read_identity(1), TCP.read_registers(1, 1, 1), TCP.read_discrete(1, 0, 3)):
        verdict = exchange.verify(buffer, 1)
        if isinstance(verdict, Value | Wrong):
            assert 0 < verdict.used <= len(buffer)


@given(st.integers(1, 247), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=8), st.binary(min_size=1, max_size=3), st.integers(0, 30))
def test_what_we_accept_the_librarys_own_framer_reads_the_same(unit: int, values: list[int], noise: bytes, at: int) -> None:
    """Differential: an accepted frame, possibly damaged before, means the same to pymodbus' framer."""
    reply = bytearray(reply_of(Framing.RTU, ReadHoldingRegistersResponse(dev_id=unit, registers=values)))
    for offset, byte in enumerate(noise):
        reply[(at + offset) % len(reply)] ^= byte
    verdict = RTU.read_registers(unit, 0, len(values)).verify(bytes(reply), 0)
    used, pdu = SERVER_RTU.handleFrame(bytes(reply), unit, 0)
    if isinstance(verdict, Value):
        assert pdu is not None
        assert tuple(pdu.registers) == verdict.value
        assert used == verdict.used == len(reply)


@given(st.binary(min_size=1, max_size=40))
def test_our_checksum_is_the_librarys(data: bytes) -> None:
    assert crc16(data) == FramerRTU.compute_CRC(data).to_bytes(2, "big")


def test_reply_lengths_are_known_from_their_first_bytes() -> None:
    assert pdu_length(b"\x03") == 0
    assert pdu_length(b"\x03\x08") == 10
    assert pdu_length(b"\x06") == 5
    assert pdu_length(b"\x83") == 2
    assert pdu_length(b"\x07") is None
    assert pdu_length(bytes((0x2B, 14, 1, 1, 0, 0, 1, 0, 3)) + b"abc") == 12


def test_reads_that_look_alike_on_rtu_have_one_shape_and_tcp_needs_none() -> None:
    assert RTU.read_registers(1, 8604, 1).shape == RTU.read_registers(1, 3201, 1).shape
    assert RTU.read_registers(1, 8604, 1).shape != RTU.read_registers(1, 3201, 2).shape
    assert RTU.write_register(1, 8501, 7).shape is None
    assert TCP.read_registers(1, 8604, 1).shape is None


def test_judging_a_reply_costs_far_less_than_sixty_microseconds() -> None:
    """The best of several runs; the limit leaves a factor of three for a busy machine."""
    exchange = RTU.read_registers(1, 3201, 4)
    reply = reply_of(Framing.RTU, ReadHoldingRegistersResponse(dev_id=1, registers=[1, 2, 3, 4]))
    best_s = min(timeit.repeat("verify(reply, 0)", globals={"verify": exchange.verify, "reply": reply}, number=200, repeat=10)) / 200
    assert best_s < 60e-6
