"""Revisions are never changed: two who write at once, entity tags, comparisons, taking back."""

from __future__ import annotations

import asyncio

from console_rig import Browser
from prescribing_rig import DOCTOR, FAST, GOOD, SHORT, changed, prescribed

from treadctl.console.differences import compare
from treadctl.records.model import Role
from treadctl.records.store import Records


async def test_two_who_change_at_once_the_second_sees_the_others_and_keeps_theirs(desk: Browser, records: Records) -> None:
    _, begun = await prescribed(records)
    key = begun.prescription_id
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see(f"/prescriptions/{key}/edit")
    theirs, mine = changed("minutes = 5", "minutes = 6"), changed("speed_kmh = 1.0", "speed_kmh = 1.1")
    await records.prescriptions.revise(DOCTOR, key, 1, "Short", theirs, note="longer")
    answer = await desk.send(f"/prescriptions/{key}/edit", 412, text=mine, note="faster", expected="1", do="save")
    assert "Somebody else wrote meanwhile" in answer.text
    assert "<ins>minutes = 6</ins>" in answer.text
    assert "longer" in answer.text
    assert "speed_kmh = 1.1  # as slow" in answer.text
    assert 'name="expected" value="2"' in answer.text
    assert 'value="faster"' in answer.text
    assert len(await records.prescriptions.revisions(key)) == 2
    merged = mine.replace("minutes = 5", "minutes = 6")
    await desk.send(f"/prescriptions/{key}/edit", 303, text=merged, expected="2", do="save")
    found = await records.prescriptions.revisions(key)
    assert [revision.text for revision in found] == [merged, theirs, SHORT]  # nothing was lost, nothing written over


async def test_what_they_wrote_is_shown_even_where_my_text_is_wrong(desk: Browser, records: Records) -> None:
    _, begun = await prescribed(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see("/protocols")
    await records.prescriptions.revise(DOCTOR, begun.prescription_id, 1, "Short", changed("minutes = 5", "minutes = 6"))
    answer = await desk.send(f"/prescriptions/{begun.prescription_id}/edit", 412, text="format = ", expected="1", do="save")
    assert "<ins>minutes = 6</ins>" in answer.text


async def test_the_interface_changes_only_what_was_read(desk: Browser, records: Records) -> None:
    _, begun = await prescribed(records)
    path = f"/api/v1/prescriptions/{begun.prescription_id}"
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    got = await desk.client.get(path)
    assert got.headers["etag"] == '"1"'
    assert (await desk.client.get(path, headers={"If-None-Match": '"1"'})).status_code == 304
    body = {"text": changed("minutes = 5", "minutes = 6")}
    assert (await desk.ask(path, body, "PUT", 428))["code"] == "if_match"
    for wrong in ("1", "*", 'W/"1"', '"1", "2"', '""', '"01"'):
        await desk.ask(path, body, "PUT", 400, **{"If-Match": wrong})
    made = await desk.client.put(path, json=body, headers={"X-CSRF-Token": desk.csrf, "If-Match": '"1"'})
    assert (made.status_code, made.headers["etag"], made.json()["number"]) == (200, '"2"', 2)
    late = await desk.client.put(path, json={"text": changed("minutes = 5", "minutes = 7")}, headers={"X-CSRF-Token": desk.csrf, "If-Match": '"1"'})
    assert (late.status_code, late.headers["etag"], late.json()["code"]) == (412, '"2"', "TC606")
    assert late.headers["content-type"] == "application/problem+json"
    old = await desk.client.get(path, params={"revision": 1})
    assert (old.json()["text"], old.headers["etag"]) == (SHORT, '"2"')
    assert [one["number"] for one in (await desk.client.get(f"{path}/revisions")).json()["items"]] == [2, 1]
    await desk.ask(f"{path}?revision=3", method="GET", status=404)


async def test_of_two_at_the_same_instant_one_is_written_and_one_is_told(desk: Browser, records: Records) -> None:
    _, begun = await prescribed(records)
    path = f"/api/v1/prescriptions/{begun.prescription_id}"
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    headers = {"X-CSRF-Token": desk.csrf, "If-Match": '"1"'}
    texts = [changed("minutes = 5", f"minutes = {n}") for n in (6, 7, 8)]
    answers = await asyncio.gather(*(desk.client.put(path, json={"text": text}, headers=headers) for text in texts))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert len(await records.prescriptions.revisions(begun.prescription_id)) == 2


async def test_what_was_withdrawn_can_be_read_and_never_changed_or_walked(desk: Browser, kiosk: Browser, records: Records) -> None:
    person, begun = await prescribed(records)
    path = f"/prescriptions/{begun.prescription_id}"
    await desk.sign_on(Role.PHYSICIAN)
    await desk.see(path)
    await desk.send(f"{path}/withdraw", 422)
    await desk.send(f"{path}/withdraw", 303, sure="true")
    page = await desk.see(path)
    assert "Withdrawn" in page
    assert f"{path}/edit" not in page
    await desk.see(f"{path}/edit", 409)
    await desk.see(path)
    await desk.ask(f"/api/v1{path}", {"text": FAST}, "PUT", 412, **{"If-Match": '"1"'})
    await desk.ask(f"/api/v1{path}", method="DELETE", status=404)
    assert begun.prescription_id not in {revision.prescription_id for revision in await records.prescriptions.current(person.id)}
    await kiosk.sign_on(Role.STAFF)
    await kiosk.see(f"/walk/{person.id}")
    confirmed = {"cord_clipped": True, "shoes": True, "clear_zone": True}
    await kiosk.ask("/api/v1/session/arm", {"person_id": person.id, "revision_id": begun.id, **confirmed}, status=409)


async def test_the_difference_escapes_markup_and_tells_by_signs(desk: Browser, records: Records) -> None:
    nasty = changed("Anybody.", "<script>alert(1)</script> & <ins>x</ins>")
    person, begun = await prescribed(records)
    await records.prescriptions.revise(DOCTOR, begun.prescription_id, 1, "<b>Short</b>", nasty, note="<img src=x>")
    await desk.sign_on(Role.VIEWER)
    path = f"/prescriptions/{begun.prescription_id}"
    for shown in (f"{path}/difference?old=1&new=2", path, f"/people/{person.id}/prescriptions"):
        page = await desk.see(shown)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>Short" not in page
    page = await desk.see(f"/prescriptions/{begun.prescription_id}/difference?old=1&new=2")
    assert "<ins>for_whom = &#34;&lt;script&gt;" in page
    assert "<del>for_whom = &#34;Anybody.&#34;</del>" in page
    assert page.count('aria-label="added">+') == page.count('aria-label="removed">−') == 1
    assert "They are the same." in await desk.see(f"/prescriptions/{begun.prescription_id}/difference?old=2&new=2")
    backward = await desk.client.get(f"/api/v1/prescriptions/{begun.prescription_id}/difference", params={"old": 2, "new": 1})
    assert {row["sign"] for row in backward.json()["rows"]} == {"+", "-", " ", "…"}
    await desk.see(f"/prescriptions/{begun.prescription_id}/difference?old=9", 404)


def test_applying_a_difference_to_the_old_text_gives_the_new_one() -> None:
    pairs = [(SHORT, GOOD), (GOOD, SHORT), (SHORT, FAST), (SHORT, ""), ("", SHORT), ("a\na\na\nb", "a\na\nb\nb"), (SHORT * 40, SHORT * 41)]
    for old, new in pairs:
        lines, rebuilt, at = old.split("\n"), list[str](), 0
        for row in compare(old, new):
            if row.sign == "+":
                rebuilt.append(row.text)
            else:
                count = row.count or 1
                rebuilt += [] if row.sign == "-" else lines[at : at + count]
                at += count
        assert "\n".join(rebuilt) == new
        assert at == len(lines)
    assert compare(SHORT, SHORT) == ()
