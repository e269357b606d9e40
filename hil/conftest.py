"""Fixtures of the hardware-in-the-loop tests. `rig` is a treadmill with its daemon, ready to start; what a test leaves behind is judged after it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import Rig, Spec, bench_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from browsing import House
    from treadctl.testing.console_stand import Stand


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware in the loop")
    group.addoption("--bench", metavar="FILE", help="bench file for the tests that don't name one themselves; one with plant_socket is a real rig")
    group.addoption("--without-row", metavar="ROW", help="take this row out of the daemon's interlock: the row's own test must then fail")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "interlock(row): this test proves that row of the interlock table")
    config.addinivalue_line("markers", "rig(**spec): what this test wants of its rig, see harness.Spec")


class Stations:
    """The rigs of one module. The usual one is kept from test to test; others live for one test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._kept: Rig | None = None

    def get(self, spec: Spec) -> Rig:
        if self._kept is not None and self._kept.spec == spec and not self._kept.spent:
            return self._kept
        self.close()
        chosen = self._config.getoption("bench")
        bench = chosen if chosen and spec.bench == Spec().bench else spec.bench
        self._kept = Rig(spec, bench_file(bench), self._config.getoption("without_row"))
        return self._kept

    def close(self) -> None:
        rig, self._kept = self._kept, None
        if rig is None:
            return
        try:
            killed = rig.cut_short
            code = rig.stop_daemon()
            assert code == 0 or killed, f"the daemon ended with {code}:\n{rig.log}"
        finally:
            rig.close()


@pytest.fixture(scope="module")
def stations(pytestconfig: pytest.Config) -> Iterator[Stations]:
    them = Stations(pytestconfig)
    yield them
    them.close()


def wanted(request: pytest.FixtureRequest) -> Spec:
    marker = request.node.get_closest_marker("rig")
    return replace(Spec(), **marker.kwargs) if marker is not None else Spec()


@pytest.fixture
def bare_rig(request: pytest.FixtureRequest, stations: Stations) -> Iterator[Rig]:
    """A rig as it is after power-up or the last test; nothing is put right or proven."""
    rig = stations.get(wanted(request))
    try:
        yield rig
        rig.finish()
    except BaseException:
        rig.spent = True
        raise
    finally:
        if request.node.stash.get(FAILED, False):
            rig.spent = True


@pytest.fixture
def rig(bare_rig: Rig) -> Rig:
    """A rig at rest: healed, proven, reset, a person on it."""
    bare_rig.fresh()
    return bare_rig


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the whole run: while it is open this thread has a loop of Playwright's, which asynchronous tests would trip over."""
    from browsing import chromium  # noqa: PLC0415 - Playwright only where a browser is wanted

    with chromium() as browser:
        yield browser


@pytest.fixture
def stand(house: House) -> Stand:
    """The module's house with its machine ready: reset, proven, the person on the belt."""
    from browsing import make_ready  # noqa: PLC0415 - as above

    make_ready(house.stand)
    return house.stand


@pytest.fixture
def page(house: House, stand: Stand) -> Iterator[Page]:
    """A page of the kiosk before that machine."""
    del stand
    with house.kiosk() as page:
        yield page


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call" and call.excinfo is not None:
        item.stash[FAILED] = True
    return report


Ask = Callable[[], bool]
