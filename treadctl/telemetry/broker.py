"""One connection to the broker after another. aiomqtt 2 has no reconnection of its own, and a broker that says nothing holds only this module."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from treadctl.telemetry.command import Incoming
from treadctl.telemetry.outbox import Item, Outbox
from treadctl.telemetry.settings import Secrets, Settings, Tls
from treadctl.telemetry.topics import OFFLINE, Topics

LOG: Final = logging.getLogger("treadctl.telemetry")
ANSWER_TIMEOUT_S: Final = 5.0  # for CONNACK, SUBACK, PUBACK and for room in the socket
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
MAX_PACKET: Final = 64 * 1024  # larger ones are thrown away by the broker; between 1 KiB and this they are refused by us, and logged
SEND_BUFFER: Final = 16 * 1024  # bytes of telemetry the kernel may hold back for a slow broker: about 20 messages
QUEUED: Final = 64  # messages on their way out inside the library
INCOMING: Final = 1024  # commands that may arrive at once; the library throws away what is more, also a stop among it
_new_properties: Callable[[int], Properties] = Properties  # paho gives its constructor no types


def pause_s(failures: int) -> float:
    """How long to wait before the attempt after `failures` failures in a row, s."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))


class BrokerLink:
    """Publishes what the outbox holds, and hands every incoming message to `receive`, until cancelled."""

    def __init__(self, settings: Settings, secrets: Secrets, topics: Topics, outbox: Outbox, receive: Callable[[Incoming], None]) -> None:
        self._settings = settings
        self._secrets = secrets
        self._topics = topics
        self._outbox = outbox
        self._receive = receive
        self.connections = 0

    async def run(self) -> None:
        """Connect, serve, and connect again at most 5 s after each loss."""
        failures = 0
        while True:
            before = self.connections
            try:
                await self._serve()
            except (aiomqtt.MqttError, OSError) as error:
                failures = failures + 1 if self.connections == before else 1
                where = f"{self._settings.broker.host}:{self._settings.broker.port}"
                LOG.warning("broker %s: %s; next attempt in %.2g s", where, error, pause_s(failures))
            _raise_lost_cancellation()
            await asyncio.sleep(pause_s(max(1, failures)))

    async def _serve(self) -> None:
        async with self._client() as client:
            self.connections += 1
            LOG.info("connected to broker %s:%d", self._settings.broker.host, self._settings.broker.port)
            self._outbox.repeat()
            _raise_lost_cancellation()
            await self._subscribe_all(client)  # before anything is said: whoever sees `online` can rely on being heard
            _raise_lost_cancellation()
            # No TaskGroup: in Python 3.11 one that failed leaves a cancellation counted against this task.
            tasks = [asyncio.create_task(self._listen(client)), asyncio.create_task(self._send(client))]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await _end(tasks)
                await self._say_offline(client)
                raise
            await _end(tasks)
            for task in done:
                task.result()

    async def _say_offline(self, client: aiomqtt.Client) -> None:
        """The last word of an orderly end: the broker sends the will only after a disorderly one."""
        with suppress(aiomqtt.MqttError):  # then the will says it
            await client.publish(self._topics.availability, OFFLINE, qos=1, retain=True, timeout=1.0)

    async def _subscribe_all(self, client: aiomqtt.Client) -> None:
        # The retain flag is wanted as it was published: a retained command is refused also when it arrives live.
        commands = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True)
        await self._subscribe(client, self._topics.commands, commands)
        if self._settings.home_assistant.enabled:
            await self._subscribe(client, self._topics.home_assistant_status, SubscribeOptions(qos=1))

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            self._receive(Incoming(message.topic.value, payload, bool(message.retain)))

    async def _subscribe(self, client: aiomqtt.Client, topic: str, options: SubscribeOptions) -> None:
        codes = await client.subscribe(topic, options=options)
        if any(getattr(code, "value", code) >= 0x80 for code in codes):
            LOG.error("the broker does not let us listen to %s: %s; check its access list", topic, ", ".join(str(code) for code in codes))

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            item = await self._outbox.take()
            await client.publish(item.topic, item.payload, qos=item.qos, retain=item.retain, properties=_properties(item))
            self._outbox.done(item)
            _raise_lost_cancellation()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[aiomqtt.Client]:
        broker = self._settings.broker
        properties = _new_properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = MAX_PACKET
        properties.SessionExpiryInterval = 0  # nothing waits for us at the broker: a command of yesterday is no command
        context = await asyncio.to_thread(tls_context, broker.tls) if broker.tls is not None else None
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=self._secrets.password,
            identifier=f"treadctl-{self._settings.machine}",
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(self._topics.availability, OFFLINE, qos=1, retain=True),
            timeout=ANSWER_TIMEOUT_S,
            keepalive=broker.keepalive_s,
            clean_start=MQTT_CLEAN_START_FIRST_ONLY,
            max_queued_incoming_messages=INCOMING,
            max_queued_outgoing_messages=QUEUED,
            max_inflight_messages=QUEUED,
            properties=properties,
            tls_context=context,
            socket_options=[(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)],
            logger=logging.getLogger("treadctl.telemetry.mqtt"),
        )
        async with client:
            yield client


def tls_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer, the broker's name checked, our own certificate where one is configured. Reads files. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return context


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _raise_lost_cancellation() -> None:
    """The library waits with asyncio.wait_for, which before Python 3.12 swallows a cancellation that meets an answer; without this the task lives on."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _properties(item: Item) -> Properties | None:
    if item.expiry_s is None:
        return None
    properties = _new_properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = item.expiry_s
    return properties
