"""The outbox: what goes first, what may go missing, and how that is told."""

from __future__ import annotations

import asyncio

from treadctl.telemetry.outbox import Item, Outbox


def item(topic: str, text: str = "", *, retain: bool = False) -> Item:
    return Item(topic, text.encode(), retain=retain)


def outbox(telemetry: int = 3, events: int = 3) -> Outbox:
    return Outbox(telemetry, events, lambda lost: item("event", f"lost {lost}"))


async def drain(box: Outbox) -> list[str]:
    texts = []
    try:
        while True:
            async with asyncio.timeout(0):
                taken = await box.take()
            texts.append(taken.payload.decode())
            box.done(taken)
    except TimeoutError:
        return texts


async def test_answer_goes_before_state_before_event_before_telemetry() -> None:
    box = outbox()
    box.telemetry(item("t", "telemetry"))
    box.event(item("e", "event"))
    box.latest(item("s", "state", retain=True))
    box.result(item("r", "result"))
    assert await drain(box) == ["result", "state", "event", "telemetry"]


async def test_oldest_telemetry_is_dropped_and_counted() -> None:
    box = outbox(telemetry=3)
    for number in range(10):
        box.telemetry(item("t", str(number)))
    assert box.dropped == 7
    assert await drain(box) == ["7", "8", "9"]


async def test_event_that_had_to_go_leaves_an_event_that_says_so() -> None:
    box = outbox(events=3)
    for number in range(5):
        box.event(item("e", str(number)))
    assert await drain(box) == ["lost 2", "2", "3", "4"]


async def test_event_lost_while_a_loss_is_being_told_is_told_too() -> None:
    box = outbox(events=2)
    for number in range(3):
        box.event(item("e", str(number)))
    telling = await box.take()
    box.event(item("e", "3"))
    box.done(telling)
    assert telling.payload == b"lost 1"
    assert await drain(box) == ["lost 1", "2", "3"]


async def test_event_is_taken_again_until_the_broker_has_it() -> None:
    box = outbox()
    box.event(item("e", "once"))
    assert await box.take() is await box.take()


async def test_newer_state_is_not_forgotten_when_the_older_one_is_done() -> None:
    box = outbox()
    box.latest(item("s", "old", retain=True))
    old = await box.take()
    box.latest(item("s", "new", retain=True))
    box.done(old)
    assert await drain(box) == ["new"]


async def test_only_retained_items_are_repeated_after_a_reconnection() -> None:
    box = outbox()
    box.latest(item("s", "state", retain=True))
    box.latest(item("x", "passing"))
    assert await drain(box) == ["state", "passing"]
    box.repeat()
    assert await drain(box) == ["state"]
