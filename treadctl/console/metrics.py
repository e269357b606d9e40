"""Metrics in the form of Prometheus, in a registry of their own: what the machine does now, what became of it, and how fast the console answers.

What is not current is not exposed: a gauge that nobody refreshes would say that a belt still moves. No label names a person or an id.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from treadctl.console.guard import App, Message, Receive, Scope, Send
from treadctl.console.link import STALE_S, Moment
from treadctl.core.interlock import ROWS, Action
from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import Snapshot
from treadctl.ports import Clock

RELEASE: Final = version("treadctl")
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
DIRECTIONS: Final = ("forward", "reverse")
EXCHANGES: Final = {"answered": "exchanges", "timeout": "timeouts"}
FAULTS: Final = {"mismatch": "mismatches", "damaged": "crc_errors", "late_reply": "late_replies", "reconnect": "reconnects"}
CAUSES: Final = frozenset(row.id for row in ROWS)
TRIPS: Final = frozenset(action.name for action in Action if action >= Action.SS1)
UNDER_WAY: Final = frozenset({"warm_up", "running", "hold", "cool_down", "stopping"})


METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._stops = Counter(
            "treadctl_safety_stops", "Latched stops (SS1 or harder) out of a session under way, by the first cause.", ["cause"], registry=self._registry
        )
        self._requests = Histogram(
            "treadctl_console_request_duration_seconds", "From a request to the first byte of its answer.", ["method", "route", "status"],
            buckets=BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._moment: Moment | None = None
        self._now_s = 0.0
        self._first_cause = ""
        self._registry.register(self)

    def hear(self, event: Event) -> None:
        """Count a stop when the session trips; the cause comes before, and the first one is the reason."""
        if event.kind == "cause" and event.detail.get("action") in TRIPS and not self._first_cause:
            self._first_cause = event.cause if event.cause in CAUSES else "other"
        elif event.kind == "session":
            if event.detail.get("to") == "tripped" and event.detail.get("from") in UNDER_WAY:
                self._stops.labels(self._first_cause or "other").inc()
            if event.detail.get("to") != "stopping":  # a ramp down that ends in a trip has one reason, from its beginning
                self._first_cause = ""

    def note(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count one request. Methods that nobody knows are counted together: whoever makes them up must not fill the memory with names."""
        self._requests.labels(method if method in METHODS else "other", route, f"{status // 100}xx").observe(max(0.0, took_s))

    def exposition(self, accept: str, moment: Moment, now_s: float) -> tuple[bytes, str]:
        """Body and media type, in the form that is asked for."""
        self._moment, self._now_s = moment, now_s
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind

    def collect(self) -> Iterator[Metric]:
        """What the machine does now; called by the registry."""
        moment = self._moment
        snapshot = moment.snapshot if moment is not None and moment.up and self._now_s - moment.received_s <= STALE_S else None
        up = GaugeMetricFamily("treadctl_up", "Whether the control program is heard.")
        up.add_metric([], 1.0 if snapshot is not None else 0.0)
        yield up
        build = GaugeMetricFamily("treadctl_build_info", "What is running.", labels=["component", "version"])
        build.add_metric(["console", RELEASE], 1.0)
        if snapshot is not None:
            build.add_metric(["daemon", snapshot.versions.release or "unknown"], 1.0)
        yield build
        if snapshot is not None:
            yield from _machine(snapshot)


def _machine(snapshot: Snapshot) -> Iterator[Metric]:
    belt, loop = snapshot.belt, snapshot.loop
    speed = GaugeMetricFamily("treadctl_belt_speed_meters_per_second", "Measured speed of the belt; 0 for the other direction.", labels=["direction"])
    if belt.measured_mps is not None and belt.direction in DIRECTIONS and belt.age_s is not None and belt.age_s <= STALE_S:
        for direction in DIRECTIONS:
            speed.add_metric([direction], belt.measured_mps if direction == belt.direction else 0.0)
    yield speed
    grade = GaugeMetricFamily("treadctl_belt_grade_ratio", "Grade of the belt, rise over run.")
    if belt.grade_percent is not None:
        grade.add_metric([], belt.grade_percent / 100.0)
    yield grade
    late = GaugeMetricFamily("treadctl_loop_lateness_seconds", "How late the steps of the control loop were since its start.", labels=["quantile"])
    for quantile, value_s in (("0.5", loop.lateness_p50_s), ("0.99", loop.lateness_p99_s), ("1", loop.lateness_max_s)):
        late.add_metric([quantile], value_s)
    yield late
    yield _sums(snapshot, "treadctl_link_exchanges", "Exchanges on the buses since they were opened, by how they ended.", "result", EXCHANGES)
    yield _sums(snapshot, "treadctl_link_faults", "What went wrong on the buses since they were opened; one exchange may count twice.", "kind", FAULTS)


def _sums(snapshot: Snapshot, name: str, text: str, label: str, fields: dict[str, str]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, counter in fields.items():
        family.add_metric([value], float(sum(getattr(link, counter) for link in snapshot.links)))
    return family


class Measured:
    """ASGI middleware: how long each request took. It adds microseconds, also to a stop."""

    def __init__(self, app: App, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and look at the clock twice."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s = self._clock()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route as it is written, never the address: an address may hold the number of a person.
                route = getattr(scope.get("route"), "path", None) or "other"
                self._metrics.note(scope["method"], route, message["status"], self._clock() - begun_s)
            await send(message)

        await self._app(scope, receive, noted)
