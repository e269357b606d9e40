"""The service page and the audit trail: what is shown of machine, buses and records, and that a trail which was altered is told."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from console_rig import NOW, SYSTEM, Browser, Machine
from sqlalchemy import text

from treadctl.console.context import Backlog
from treadctl.ipc.snapshot import CauseView, ChannelView, DriveView, EnableView, JournalView, LinkView, LoopView, VersionsView
from treadctl.records.model import ProofTest, Role
from treadctl.records.rows_in import write_proof_tests
from treadctl.records.store import Records

LINK = LinkView("rtu", exchanges=9990, timeouts=10, mismatches=2, crc_errors=3, late_replies=4, reconnects=1, round_trip_p50_s=0.0123, round_trip_max_s=0.0876)


def plain(page: str) -> str:
    """The words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def shown(browser: Browser, machine: Machine, **changes: object) -> str:
    """The service page after the machine has changed."""
    machine.show(**changes)
    link = browser.context.link
    while link.moment.snapshot != machine.shown:
        await link.changed_since(link.moment.number, link.event_number, 5.0)
    return plain(await browser.see("/service"))


async def test_the_state_of_everything_is_on_one_page(desk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.SERVICE)
    page = await shown(
        desk, machine, links=(LINK,), loop=LoopView(0.0004, 0.0021, 0.0305, 123_456), journal=JournalView(True, 98_765, "ab" * 32),
        drive=DriveView("ready", identified=True, watchdog_s=0.5), enable=EnableView(False, False), versions=VersionsView("9.8.7", "altivar-rtu", 3),
        channels=(ChannelView("cord_a", True, 0.012, "good"), ChannelView("cord_b", None, None, "absent")),
    )  # fmt: skip
    for words in (
        "✔ cord A 12 ms", "✘ cord B never", "Identity ✔ as the machine file says", "Its own watchdog, read back ✔ 500.0 ms",
        "Half of the steps at most 0.4 ms", "99 of 100 at most ✔ 2.1 ms", "The latest ✔ 30.5 ms", "Steps since the start 123,456", "no distribution",
        "Can be written ✔ yes", "Records 98,765", "abababababababab", "Control program 9.8.7", "Machine file altivar-rtu", "Protocol of its socket 3",
        "rtu ✔ 99.90 % 9,990 10 2 3 4 1 12.3 ms 87.6 ms", "None is recorded.", "Database SQLite", "Names of people ✔ readable", "done by another process",
    ):  # fmt: skip
        assert words in page, words


async def test_what_is_not_well_says_so_in_words(desk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.STAFF)
    cause = CauseView("pull_cord", "SS1_FAST", "The pull cord is open.", 1.0, "ack", present=True)
    page = await shown(
        desk, machine, links=(replace(LINK, timeouts=200), LinkView("silent")), loop=LoopView(0.001, 0.03, 0.2, 9), journal=JournalView(False, 0, ""),
        drive=DriveView("lost"), enable=EnableView(False, True), causes=(cause,),
    )  # fmt: skip
    for words in (
        "✘ not proven: motion is refused", "✘ not attested: motion is refused", "99 of 100 at most ✘ 30.0 ms", "The latest ✘ 200.0 ms",
        "✘ no: no session starts", "rtu ✘ 98.04 %", "silent ✘ –", "Enable read back ✘ on", "The pull cord is open.", "✘ journal",
    ):  # fmt: skip
        assert words in page, words


async def test_a_machine_that_is_not_heard_is_said_to_be_and_the_rest_is_shown(desk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.SERVICE)
    await machine.leave()
    link = desk.context.link
    while link.moment.up:
        await link.changed_since(link.moment.number, link.event_number, 5.0)
    page = plain(await desk.see("/service"))
    assert "The machine is not heard:" in page
    assert "Database SQLite" in page
    assert "Buses" not in page


async def test_proof_tests_of_this_machine_are_listed_newest_first(desk: Browser, records: Records) -> None:
    name = desk.context.frame.name
    tests = [
        ProofTest(NOW - timedelta(days=2), name, "cord", passed=True), ProofTest(NOW - timedelta(days=1), name, "emergency_stop", passed=False, detail="stuck"),
        ProofTest(NOW, "another", "cord", passed=True),
    ]  # fmt: skip
    async with records.database.write() as connection:
        await write_proof_tests(connection, tests)
    await desk.sign_on(Role.SERVICE)
    page = plain(await desk.see("/service"))
    assert "emergency stop ✘ failed stuck 11/25/26" in page
    assert page.count("passed") == 1


@pytest.mark.parametrize(
    ("trouble", "says"), [("", "Journal not imported yet ✔ 2.5 MB"), ("The journal cannot be read.", "Import ✘ The journal cannot be read.")]
)
async def test_the_backlog_of_the_importer_is_shown_where_it_runs(desk: Browser, trouble: str, says: str) -> None:
    async def backlog() -> Backlog:
        return Backlog(2_500_000, NOW, trouble)

    desk.context.__dict__["backlog"] = backlog
    await desk.sign_on(Role.SERVICE)
    assert says in plain(await desk.see("/service"))


async def test_a_missing_key_of_names_is_shown(desk: Browser, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    from treadctl.records.vault import Vault

    monkeypatch.setattr(records.people, "vault", Vault.open(None))
    await desk.sign_on(Role.SERVICE)
    assert "Names of people ✘ locked: the key is missing" in plain(await desk.see("/service"))


async def test_the_page_is_at_the_machine_too_with_the_menu_of_the_machine(kiosk: Browser) -> None:
    await kiosk.sign_on(Role.SERVICE)
    page = await kiosk.see("/service")
    assert "Clean the screen" in page
    assert 'href="/users"' not in page


# --- the audit trail ------------------------------------------------------------------------------------------------------


async def test_the_trail_is_shown_newest_first_a_page_at_a_time(desk: Browser, records: Records) -> None:
    for number in range(150):
        await records.audit.add(SYSTEM, "test.done", f"thing {number}", "<b>bold</b>")
    await desk.sign_on(Role.SERVICE)
    page = await desk.see("/audit")
    assert "&lt;b&gt;bold" in page
    assert "thing 149<" in page
    assert "thing 10<" not in page
    older = re.search(r'href="(/audit\?[^"]*after=[^"]+)"', page)
    assert older is not None
    page = await desk.see(html.unescape(older[1]))
    assert "thing 10<" in page
    assert "Newest" in page


async def test_the_trail_of_one_user_or_one_subject_can_be_asked_for(desk: Browser, records: Records) -> None:
    await records.audit.add(SYSTEM, "test.done", "thing 1")
    await desk.sign_on(Role.ADMINISTRATOR)
    assert "thing 1" not in plain(await desk.see("/audit?by=administrator"))
    assert "thing 1" in plain(await desk.see("/audit?subject=thing 1&by=test"))
    assert "There is no such entry." in await desk.see("/audit?by=%00nobody")
    await desk.see("/audit?after=nonsense", 422)
    await desk.see("/audit?by=" + "x" * 401, 422)


async def test_a_sound_trail_is_found_sound_and_the_check_is_in_it(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.SERVICE)
    await desk.see("/audit")
    head = await records.audit.head()
    answer = await desk.send("/audit", 200)
    assert f"The trail is sound: {head.number} entries" in answer.text
    assert (await records.audit.entries(size=1)).items[0].action == "audit.verified"
    answer = await desk.send("/audit", 200, noted=f"{head.number} {head.digest}")
    assert "The trail is sound" in answer.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE audit SET detail = 'x' WHERE number = 3", "audit entry 3"),
        ("UPDATE audit SET who = 'nobody' WHERE number = 2", "audit entry 2"),
        ("DELETE FROM audit WHERE number = 4", "audit entry 4: it is missing"),
        ("UPDATE audit_head SET number = number + 5", "it is missing, with all up to"),
    ],
)
async def test_an_altered_trail_names_its_first_bad_entry(desk: Browser, records: Records, change: str, says: str) -> None:
    await desk.sign_on(Role.SERVICE)
    await desk.see("/audit")
    async with records.database.write() as connection:
        for trigger in ("audit_stays", "audit_is_kept"):  # whoever can write the file can do this too
            await connection.execute(text(f"DROP TRIGGER {trigger}"))
        await connection.execute(text(change))
    page = plain((await desk.send("/audit", 200)).text)
    assert "The trail is NOT sound." in page
    assert says in page


@pytest.mark.parametrize("noted", ["7", "x y", "1 " + "0" * 64, "-1 ab", "٣ ab", "99999999999999999 ab"])
async def test_a_head_that_was_noted_otherwise_is_told(desk: Browser, noted: str) -> None:
    await desk.sign_on(Role.SERVICE)
    await desk.see("/audit")
    page = plain((await desk.send("/audit", 200, noted=noted)).text)
    assert "The trail is sound" not in page
    assert "NOT sound" in page or "write the number, a space, and the digest" in page
