from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from pydantic import ValidationError

from treadctl.errors import TreadctlError
from treadctl.ports import EnableOutput
from treadctl_drivers._line import Line
from treadctl_drivers.links import SerialConfig, SerialLine
from treadctl_drivers.serial_line import ControlLine, SerialLineConfig, family

pytestmark = pytest.mark.looptime  # time passes only inside the tests


class PortWithLines:
    """An open port that logs its control lines."""

    def __init__(self, edges: list[tuple[float, str, bool]]) -> None:
        self.edges = edges
        self.lost: Callable[[str], None] | None = None

    def start(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self.lost = lost

    def write(self, data: bytes) -> None:
        raise AssertionError("an enable line writes no bytes")

    def close(self) -> None:
        pass

    def set_rts(self, on: bool) -> bool:
        self.edges.append((asyncio.get_running_loop().time(), "rts", on))
        return True

    def set_dtr(self, on: bool) -> bool:
        self.edges.append((asyncio.get_running_loop().time(), "dtr", on))
        return True


@dataclass
class Rig:
    config: SerialLineConfig
    edges: list[tuple[float, str, bool]] = field(default_factory=list)
    ports: list[PortWithLines] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.output = ControlLine(self.config, lambda user: Line("port", self._open, user), lambda: self.now_s)

    async def _open(self) -> PortWithLines:
        self.ports.append(PortWithLines(self.edges))
        return self.ports[-1]

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def live(self, seconds: float, enable: bool | None = None) -> None:
        if self.task is None:
            self.task = asyncio.create_task(self.output.run())
            await asyncio.sleep(0.001)
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9:
            if enable is not None:
                self.output.set_enable(enable)
            await asyncio.sleep(0.01)

    def rising_since(self, at_s: float) -> list[float]:
        """Instants at which the line went from released to asserted: each moves a charge."""
        return [later[0] for earlier, later in pairwise(self.edges) if later[2] and not earlier[2] and later[0] >= at_s]


@pytest.fixture(params=["charge_pump", "level"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    rig = Rig(SerialLineConfig.model_validate({"line": "rts", "mode": request.param}))
    yield rig
    assert rig.task is not None
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)
    assert rig.edges[-1][2] is False, "the line was left asserted"


async def test_the_line_is_down_until_power_is_wanted(rig: Rig) -> None:
    await rig.live(0.3)
    await rig.live(0.3, enable=False)
    assert rig.edges
    assert not any(on for _, _, on in rig.edges)


async def test_off_is_driven_before_set_enable_returns(rig: Rig) -> None:
    await rig.live(0.5, enable=True)
    rig.output.set_enable(False)
    assert rig.edges[-1] == (rig.now_s, "rts", False)
    at_s = rig.now_s
    await rig.live(0.5, enable=False)
    assert rig.rising_since(at_s) == []


async def test_a_control_loop_that_falls_silent_releases_the_line(rig: Rig) -> None:
    await rig.live(0.5, enable=True)
    silent_s = rig.now_s
    await rig.live(0.6)
    assert not [at_s for at_s, _, on in rig.edges if on and at_s > silent_s + 0.2]
    assert rig.edges[-1][2] is False


async def test_a_port_that_comes_back_starts_with_its_line_down(rig: Rig) -> None:
    await rig.live(0.2, enable=True)
    lost = rig.ports[0].lost
    assert lost is not None
    count = len(rig.edges)
    lost("unplugged")
    await rig.live(0.5)
    assert rig.edges[count][2] is False
    await rig.live(0.2, enable=True)
    assert any(on for _, _, on in rig.edges[count:])


async def test_the_charge_pump_has_an_edge_at_least_every_50_ms() -> None:
    rig = Rig(SerialLineConfig.model_validate({"line": "dtr"}))
    await rig.live(1.0, enable=True)
    assert {name for _, name, _ in rig.edges} == {"dtr"}
    rising = rig.rising_since(0.0)
    assert len(rising) >= 20
    assert max(later - earlier for earlier, later in pairwise(at_s for at_s, _, _ in rig.edges)) <= 0.05
    assert rig.task is not None
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)


async def test_a_link_without_control_lines_is_counted_as_trouble() -> None:
    class BytesOnly:
        def start(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None: ...
        def write(self, data: bytes) -> None: ...
        def close(self) -> None: ...

    output = ControlLine(SerialLineConfig.model_validate({"line": "rts"}), lambda user: Line("port", never_opened, user), lambda: 0.0)
    output.line_up(BytesOnly())
    output.set_enable(True)
    assert output.trouble == 1


async def never_opened() -> PortWithLines:
    raise AssertionError("not opened here")


def test_a_link_that_opens_with_its_lines_asserted_is_refused() -> None:
    config = SerialLineConfig.model_validate({"line": "rts"})
    with pytest.raises(TreadctlError, match="lines_at_open"):
        family.build(config, SerialLine(SerialConfig(port="/dev/null", baud=9600), lambda: 0.0), lambda: 0.0)
    output = family.build(config, SerialLine(SerialConfig(port="/dev/null", baud=9600, lines_at_open=False), lambda: 0.0), lambda: 0.0)
    assert isinstance(output, EnableOutput)


@pytest.mark.parametrize("keys", [{"line": "cts"}, {"line": "rts", "mode": "toggle"}, {"line": "rts", "toggle_s": 0.06}, {}])
def test_a_table_that_cannot_work_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SerialLineConfig.model_validate(keys)
