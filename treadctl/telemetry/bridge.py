"""Between the daemon's feed and the broker: snapshots and events go out, one signed command comes in."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final
from uuid import uuid4

from treadctl.ipc.messages import Event, Scalar
from treadctl.ipc.snapshot import Snapshot
from treadctl.telemetry import discovery, payloads
from treadctl.telemetry.broker import BrokerLink
from treadctl.telemetry.command import Gate, Incoming, Refusal, StopCommand, time_text
from treadctl.telemetry.feed import DaemonFeed, StopAnswer
from treadctl.telemetry.outbox import Item, Outbox
from treadctl.telemetry.settings import Secrets, Settings
from treadctl.telemetry.topics import OFFLINE, ONLINE, Topics

LOG: Final = logging.getLogger("treadctl.telemetry")
TELEMETRY_EXPIRY_S: Final = 5
MAX_REFUSALS: Final = 20  # reported one by one within REFUSAL_WINDOW; a flood is reported as a number
REFUSAL_WINDOW: Final = timedelta(seconds=10)
_VERB: Final = re.compile(r"[a-z_]{1,16}")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Bridge:
    """The telemetry process. It is the sink of the feed; `run` serves until cancelled and never raises for a lost daemon or broker."""

    def __init__(self, settings: Settings, secrets: Secrets, feed: DaemonFeed, *, wall: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._feed = feed
        self._wall = wall
        self._topics = Topics(settings.machine, settings.home_assistant.prefix)
        self._boot = uuid4().hex
        self._own_seq = 0
        self._telemetry_seq = 0
        self._session_key: tuple[object, ...] | None = None
        self._refusals = 0
        self._window_from = wall()
        self._stops: set[asyncio.Task[None]] = set()
        self._gate = Gate(settings.machine, secrets.stop_key, wall())
        self.outbox = Outbox(settings.telemetry.queue, settings.telemetry.events, self._gap_event)
        self.link = BrokerLink(settings, secrets, self._topics, self.outbox, self._receive)

    async def run(self) -> None:
        """Serve until cancelled."""
        self._available(OFFLINE)
        if self._settings.home_assistant.enabled:
            body = discovery.payload(self._topics, version("treadctl"))
            self.outbox.latest(Item(self._topics.discovery, payloads.encode(body), retain=True))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed.run(self))
            group.create_task(self.link.run())

    # --- from the daemon --------------------------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Publish measurements, and what changed."""
        self._available(ONLINE)
        self.outbox.latest(Item(self._topics.state, payloads.encode(payloads.state(snapshot)), retain=True))
        key = payloads.session_key(snapshot)
        if key is not None and key != self._session_key:
            self.outbox.event(Item(self._topics.session, payloads.encode(payloads.session(snapshot))))
        self._session_key = key
        self._telemetry_seq += 1
        body = payloads.telemetry(snapshot, time_text(self._wall()), self._telemetry_seq, self.outbox.dropped)
        self.outbox.telemetry(Item(self._topics.telemetry, payloads.encode(body), qos=0, expiry_s=TELEMETRY_EXPIRY_S))
        self._close_window()

    def on_event(self, event: Event, boot: str) -> None:
        """Publish an event of the daemon."""
        self.outbox.event(Item(self._topics.event, payloads.encode(payloads.event(event, boot))))

    def on_lost(self) -> None:
        """Say that nothing is known any more; the retained state must not look alive."""
        self._available(OFFLINE)
        self._own_event("daemon_lost", "The daemon does not answer.")

    # --- from the broker --------------------------------------------------------------------------------------------------

    def _receive(self, message: Incoming) -> None:
        if message.topic == self._topics.home_assistant_status:
            if message.payload == ONLINE.encode():
                self.outbox.repeat(self._topics.discovery)
            return
        if message.topic.endswith("/result"):
            return  # somebody else's answer; never a command
        if message.retained and not message.payload:
            return  # a retained command is being removed from the broker
        verdict = self._gate.judge(message, self._wall())
        if isinstance(verdict, Refusal):
            self._refuse(verdict)
            return
        # Not awaited here: a daemon slow to answer must not hold back the next message.
        task = asyncio.create_task(self._stop(verdict))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop(self, command: StopCommand) -> None:
        answer = await self._feed.request_stop(command.id, f"mqtt:{command.actor}")
        LOG.warning("stop %s over MQTT by %s: %s", command.id, command.actor, "accepted" if answer.accepted else " ".join(answer.reasons))
        self._result(self._topics.stop, command.id, answer)
        if answer.accepted:
            self._own_event("mqtt_stop", "A graded stop was asked for over MQTT.", id=command.id)
        else:
            self._own_event("mqtt_stop_failed", "A graded stop over MQTT was not carried out.", id=command.id)

    def _refuse(self, refusal: Refusal) -> None:
        self._close_window()
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            return
        LOG.warning("refused on %.120r (%s, id %s): %s", refusal.topic, refusal.reason, refusal.id or "unknown", refusal.sentence)
        self._own_event("mqtt_refused", refusal.sentence, reason=refusal.reason, topic=refusal.topic[:120], id=refusal.id or None)
        verb = refusal.topic.removeprefix(f"{self._topics.base}/cmd/")
        if _VERB.fullmatch(verb):
            self._result(refusal.topic, refusal.id, StopAnswer(False, (refusal.sentence,)), refusal.reason)

    def _close_window(self) -> None:
        now = self._wall()
        if now - self._window_from < REFUSAL_WINDOW:
            return
        more = self._refusals - MAX_REFUSALS
        if more > 0:
            LOG.warning("%d more commands were refused", more)
            self._own_event("mqtt_refused_many", f"{more} more commands were refused within {REFUSAL_WINDOW.total_seconds():g} s.", number=more)
        self._refusals, self._window_from = 0, now

    # --- to the outbox ----------------------------------------------------------------------------------------------------

    def _available(self, word: str) -> None:
        self.outbox.latest(Item(self._topics.availability, word.encode(), retain=True))

    def _result(self, topic: str, command_id: str, answer: StopAnswer, reason: str | None = None) -> None:
        word = None if answer.accepted else reason or "daemon"
        body = {"id": command_id or None, "accepted": answer.accepted, "reason": word, "reasons": answer.reasons, "at_utc": time_text(self._wall())}
        self.outbox.result(Item(self._topics.result(topic), payloads.encode(body)))

    def _own_event(self, kind: str, sentence: str, **detail: Scalar) -> None:
        self.outbox.event(self._own_item(kind, sentence, detail))

    def _own_item(self, kind: str, sentence: str, detail: dict[str, Scalar]) -> Item:
        self._own_seq += 1
        body = {"source": "telemetry", "boot": self._boot, "seq": self._own_seq, "at_utc": time_text(self._wall()), "kind": kind, "sentence": sentence}
        return Item(self._topics.event, payloads.encode({**body, "cause": None, **detail}))

    def _gap_event(self, lost: int) -> Item:
        return self._own_item("events_lost", f"{lost} events could not be kept while the broker was away; the daemon's journal holds them.", {"number": lost})
