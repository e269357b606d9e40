"""Prescribing for a person: what is refused and why, two staff at once, revisions that never change, and who may."""

from __future__ import annotations

import html
import re

import pytest
from console_profiles import SHORT, changed
from console_rig import FACTS, PROFILES, Browser, Machine, walker

from treadctl.console.differences import compare
from treadctl.prescription.frame import REFERENCE
from treadctl.prescription.person import person_limits, person_of
from treadctl.prescription.plan import make_plan
from treadctl.prescription.profile import profile_of
from treadctl.records.audit import Actor
from treadctl.records.model import Person, Revision, Role
from treadctl.records.store import Records

DOCTOR = Actor("physician", "physician")
GOOD = (PROFILES / "knee-oa-retro-walk.toml").read_text(encoding="utf-8")
FAST = changed("speed_kmh = 1.0", "speed_kmh = 7.0")
STEEP = changed("minutes = 5\nspeed_kmh = 1.0", "seconds = 1\nspeed_kmh = 3.0")
ABRUPT = changed("minutes = 5\nspeed_kmh = 1.0", "seconds = 2\nspeed_kmh = 1.9")


async def newcomer(records: Records) -> Person:
    """A person in their first sessions: at most 3 km/h, ramps of at most 0.1 m/s²."""
    person = await records.people.add(DOCTOR, facts='format = 1\nmass_kg = 70.0\nexperience = "first"\n', name="Sample Two")
    answers = dict.fromkeys(("severe_osteoporosis", "vestibular_dysfunction", "lumbar_problem", "ankle_problem"), False)
    await records.screenings.add(DOCTOR, person.id, answers, signer="physician")
    return person


async def prescribed(records: Records, text: str = SHORT) -> tuple[Person, Revision]:
    person, _ = await walker(records)
    return person, await records.prescriptions.new(DOCTOR, person.id, "Short", text)


async def written(desk: Browser, person: Person) -> int:
    """How many prescriptions the record has of somebody."""
    return len(await desk.records.prescriptions.current(person.id))


BAD = {
    "unknown key": (changed("speed_kmh = 1.0", "sped_kmh = 1.0"), "TC102", "main[1] > sped_kmh", "did you mean speed_kmh", 27),
    "negative speed": (changed("speed_kmh = 1.0", "speed_kmh = -1.0"), "TC104", "main[1] > speed_kmh", "must be greater than 0", 27),
    "speed as a text": (changed("speed_kmh = 1.0", 'speed_kmh = "1 km/h"'), "TC105", "main[1] > speed_kmh", "km/h", 27),
    "no number": (changed("speed_kmh = 1.0", "speed_kmh = nan"), "TC104", "main[1] > speed_kmh", "nan", 27),
    "without end": (changed("speed_kmh = 1.0", "speed_kmh = inf"), "TC104", "main[1] > speed_kmh", "inf", 27),
    "newer format": (changed("format = 1", "format = 2"), "TC111", "format", "newer", 1),
    "no format": (SHORT.removeprefix("format = 1\n"), "TC103", "format", "format = 1", None),
    "not TOML": (changed("speed_kmh = 1.0", "speed_kmh = 1.0.0"), "TC101", "", "line 27", 27),
    "YAML": ("format: 1\nname: short\n", "TC110", "", "YAML", None),
    "JSON": ('{"format": 1}', "TC101", "", "JSON", None),
    "NUL": (changed("Anybody.", "Any\0body."), "draft", "", "U+0000", 4),
    "a lone carriage return": (changed("Anybody.", "Any\rbody."), "draft", "", "U+000D", 4),
    "a line that ends only for some": (changed("Anybody.", "Any\u2028body."), "draft", "", "U+2028", 4),
    "a long line": (changed("Anybody.", "a" * 1100), "draft", "", "1000", 4),
    "nothing": ("", "draft", "", "empty", None),
    "deeply nested": ("format = 1\na = " + "[\n" * 2000, "TC101", "", "nested", None),
    "endless digits": (changed("speed_kmh = 1.0", "speed_kmh = " + "9" * 900), "TC104", "main[1] > speed_kmh", "number", 27),
    "two speeds": (changed("speed_kmh = 1.0", "speed_mps = 0.2\nspeed_kmh = 1.0"), "TC121", "main[1] > speed_mps", "only one of", 27),
    "beyond the machine": (changed("speed_kmh = 1.0", "speed_kmh = 20.0"), "TC120", "main[1] > speed_kmh", "limit of the", 27),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_text_is_refused_with_its_place_and_the_remedy_and_is_kept_on_the_page(desk: Browser, records: Records, case: str) -> None:
    text, code, place, words, line = BAD[case]
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    before = await written(desk, person)
    refused = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": text}, status=422)
    assert refused["code"] == code
    assert refused["reasons"]
    found = (await desk.ask("/api/v1/plan", {"person_id": person.id, "text": text}))["findings"]
    assert (found[0]["place"], found[0]["line"]) == (place, line)
    assert words in f"{found[0]['sentence']} {found[0]['remedy']}"
    await desk.see(f"/people/{person.id}/prescriptions/new")
    answer = await desk.send(f"/people/{person.id}/prescriptions/new", 422, text=text, do="save")
    shown = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.DOTALL)
    assert shown is not None
    assert html.unescape(shown[1]) == text
    assert html.escape(found[0]["sentence"], quote=False).split(":")[0][:40].replace("'", "&#39;") in answer.text.replace("&#34;", '"')
    assert await written(desk, person) == before


async def test_all_that_is_wrong_is_told_at_once(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    text = changed("speed_kmh = 1.0", "speed_kmh = -1.0").replace('facing = "console"', 'facing = "window"')
    found = (await desk.ask("/api/v1/plan", {"text": text}))["findings"]
    assert {one["place"] for one in found} == {"facing", "main[1] > speed_kmh"}


@pytest.mark.parametrize(("text", "field"), [(ABRUPT, "seconds"), (changed("speed_kmh = 1.0", "speed_kmh = 3.5"), "speed_kmh")])
async def test_beyond_the_persons_limits_the_rule_is_named_and_who_may_decide_otherwise(desk: Browser, records: Records, text: str, field: str) -> None:
    person = await newcomer(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    refused = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": text}, status=422)
    assert "physiotherapist or a physician may set this rule aside" in refused["detail"]
    found = (await desk.ask("/api/v1/plan", {"person_id": person.id, "text": text}))["findings"][0]
    assert (found["weight"], found["whose"], found["place"]) == ("forbidden", "person", f"main[1] > {field}")
    assert found["rule"] in {"experience", "mini_ramp"}
    assert await written(desk, person) == 0


async def test_an_override_lets_the_same_text_through(desk: Browser, records: Records) -> None:
    person = await newcomer(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    for rule in ("experience", "mini_ramp"):
        await records.overrides.add(DOCTOR, person.id, rule, by="The physician", reason="Walked backward for years elsewhere.")
    await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": ABRUPT}, status=201)
    assert await written(desk, person) == 1


async def test_without_a_persons_facts_nothing_can_be_prescribed_for_them(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, name="Sample Three")
    await desk.sign_on(Role.PHYSICIAN)
    refused = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": SHORT}, status=422)
    assert "limits of this person are not known" in refused["detail"]
    await desk.ask("/api/v1/prescriptions", {"person_id": "nobody", "text": SHORT}, status=404)
    await desk.ask("/api/v1/plan", {"person_id": "nobody", "text": SHORT}, status=404)


async def test_what_forbids_only_a_start_does_not_forbid_prescribing(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)  # not screened yet
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    found = (await desk.ask("/api/v1/plan", {"person_id": person.id, "text": SHORT}))["findings"]
    assert [one["rule"] for one in found if one["weight"] == "not_today"] == ["screening"]
    await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": SHORT}, status=201)


async def test_a_text_too_long_for_the_way_to_the_machine_is_told_before_it_is_prescribed(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    text = SHORT + "".join(f"# {'remark ' * 12}{n}\n" for n in range(700))
    refused = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": text}, status=422)
    assert "bytes; 57344 are taken" in refused["detail"]


async def test_500_stretches_are_drawn_prescribed_and_armed(desk: Browser, kiosk: Browser, machine: Machine, records: Records) -> None:
    person, _ = await walker(records, facts=FACTS.replace("usual_minutes = 60.0", "usual_minutes = 400.0"))
    stretch = '{ label = "s", seconds = 2, speed_kmh = 1.0 },\n'
    head, tail = SHORT.split("[[sources]]")
    tail = tail.split("[[main]]")[0] + "[[cool_down]]" + tail.split("[[cool_down]]", 1)[1]
    body = f"{head}main = [\n", f"]\n[[sources]]{tail}"
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    text = body[0] + stretch * 496 + body[1]
    plan = await desk.ask("/api/v1/plan", {"person_id": person.id, "text": text})
    assert plan["can_save"]
    assert len(plan["plan"]["stretches"]) == 500
    made = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": text}, status=201)
    await kiosk.sign_on(Role.STAFF)
    confirmed = {"cord_clipped": True, "shoes": True, "clear_zone": True}
    await kiosk.ask("/api/v1/session/arm", {"person_id": person.id, "revision_id": made["revision_id"], **confirmed})
    order = machine.asked[-1].arm
    assert order is not None
    assert order.prescribed is not None
    assert "\n".join(order.prescribed.profile) == text.removesuffix("\n")
    in_full = SHORT.replace("[[cool_down]]", '[[main]]\nlabel = "s"\nseconds = 2\nspeed_kmh = 1.0\n' * 300 + "[[cool_down]]", 1)
    refused = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": in_full}, status=422)
    assert "1000 can go to the machine" in refused["detail"]
    one_more = await desk.ask("/api/v1/plan", {"person_id": person.id, "text": body[0] + stretch * 497 + body[1]})
    assert "more than 500 segments" in one_more["findings"][0]["sentence"]


async def test_tabs_and_windows_line_ends_are_kept_as_one_text(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    tabbed = changed("minutes = 5", "\tminutes\t= 5")
    made = await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": "\ufeff" + tabbed.replace("\n", "\r\n")}, status=201)
    assert made["text"] == tabbed
    await desk.see(f"/prescriptions/{made['prescription_id']}/edit")
    answer = await desk.send(f"/prescriptions/{made['prescription_id']}/edit", 409, text=tabbed.replace("\n", "\r\n"), expected="1", do="save")
    assert "nothing was written" in answer.text  # a browser's own line ends are no change


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
    mine = f"/prescriptions/{begun.prescription_id}"
    for path in (f"{mine}/difference?old=1&new=2", mine, f"/people/{person.id}/prescriptions"):
        page = await desk.see(path)
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


async def test_the_drawing_says_what_the_plan_of_the_command_line_says(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.VIEWER)
    for name in ("knee-oa-retro-walk", "first-session"):
        text = (PROFILES / f"{name}.toml").read_text(encoding="utf-8")
        profile = profile_of(text, name)
        limits = person_limits(person_of(FACTS, "person"), profile.facing)
        plan = make_plan(profile, REFERENCE, limits)
        shown = (await desk.ask("/api/v1/plan", {"text": text, "person_id": person.id}))["plan"]
        assert shown["moving_s"] == pytest.approx(plan.moving_s)
        assert shown["total_s"] == pytest.approx(plan.total_s)
        assert shown["distance_m"] == pytest.approx(plan.distance_m)
        assert shown["worst_stop"]["distance_m"] == pytest.approx(plan.protective_stop.distance_m)
        assert max(shown["speed"]) == pytest.approx(plan.program.max_speed_mps * 3.6, abs=1e-3)
        assert {line["whose"] for line in shown["limits"]} == {"machine", "person", "deck"}
        assert shown["deck_m"] == REFERENCE.deck_length_m


async def test_what_is_forbidden_is_drawn_all_the_same(desk: Browser, records: Records) -> None:
    person = await newcomer(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    for text in (FAST, STEEP):
        shown = await desk.ask("/api/v1/plan", {"text": text, "person_id": person.id})
        assert not shown["can_save"]
        assert shown["plan"]["t"] == sorted(shown["plan"]["t"])
        assert any(line["whose"] == "person" for line in shown["plan"]["limits"])
    assert (await desk.ask("/api/v1/plan", {"text": "format = 1"}))["plan"] is None


async def test_the_pages_prescribe_from_a_protocol_without_scripts(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    protocol = await records.prescriptions.new(DOCTOR, None, "Library protocol", GOOD)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    page = await desk.see(f"/people/{person.id}/prescriptions")
    assert f"/people/{person.id}/prescriptions/new?revision={protocol.id}" in page
    page = await desk.see(f"/people/{person.id}/prescriptions/new?revision={protocol.id}")
    assert html.escape(GOOD.splitlines()[1], quote=False) in html.unescape(page)
    assert "Whole session" in page
    answer = await desk.send(f"/people/{person.id}/prescriptions/new", 200, text=changed("speed_kmh = 1.0", "speed_kmh = -1.0"), do="check")
    assert "main[1] &gt; speed_kmh" in answer.text
    answer = await desk.send(f"/people/{person.id}/prescriptions/new", 303, text=SHORT, note="first", do="save")
    page = await desk.see(answer.headers["location"])
    assert "Revision 1" in page
    assert "first" in page
    newest = (await records.prescriptions.current(person.id))[0]
    assert (newest.title, newest.by, newest.role, newest.number) == ("Short", "physiotherapist", Role.PHYSIOTHERAPIST, 1)


async def test_a_file_goes_out_and_comes_back_the_same(desk: Browser, records: Records) -> None:
    person, begun = await prescribed(records, changed("Anybody.", "Anybody: ü, ±, 漢."))
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see("/protocols")
    sent = await desk.client.get(f"/prescriptions/{begun.prescription_id}/file")
    assert "attachment" in sent.headers["content-disposition"]
    files = {"file": ("plan.toml", sent.content, "application/toml")}
    back = await desk.client.post(f"/people/{person.id}/prescriptions/import", data={"csrf": desk.csrf}, files=files)
    assert back.status_code == 303, back.text
    newest = (await records.prescriptions.current(person.id))[0]
    assert newest.text == begun.text
    assert newest.note == "from the file plan.toml"


@pytest.mark.parametrize(("content", "words"), [(FAST.encode(), "limit of the person"), (b"\xff\xfe\x00", "not UTF-8"), (b"", "empty")])
async def test_a_file_beyond_the_persons_limits_or_no_text_is_refused(desk: Browser, records: Records, content: bytes, words: str) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see("/protocols")
    before = await written(desk, person)
    files = {"file": ("plan.toml", content, "application/toml")}
    answer = await desk.client.post(f"/people/{person.id}/prescriptions/import", data={"csrf": desk.csrf}, files=files, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert words in answer.text
    assert await written(desk, person) == before


@pytest.mark.parametrize("role", Role)
async def test_only_clinicians_prescribe_and_only_care_staff_read(desk: Browser, records: Records, role: Role) -> None:
    person, begun = await prescribed(records)
    await desk.sign_on(role)
    writes, reads = role in {Role.PHYSIOTHERAPIST, Role.PHYSICIAN}, role not in {Role.SERVICE, Role.ADMINISTRATOR}
    path = f"/prescriptions/{begun.prescription_id}"
    for seen in (path, f"{path}/difference", f"/people/{person.id}/prescriptions", "/protocols"):
        page = await desk.see(seen, 200 if reads else 403)
        assert ('/edit"' in page or "Prescribe:" in page or "New protocol" in page) is (writes and seen != f"{path}/difference")
    assert (await desk.client.get(f"{path}/file")).status_code == (200 if reads else 403)
    for seen in (f"{path}/edit", f"/people/{person.id}/prescriptions/new"):
        await desk.see(seen, 200 if writes else 403)
    await desk.see("/live")
    await desk.ask("/api/v1/plan", {"text": SHORT}, status=200 if reads else 403)
    await desk.ask("/api/v1/prescriptions", {"person_id": person.id, "text": SHORT}, status=201 if writes else 403)
    await desk.ask(f"/api/v1{path}", {"text": changed("minutes = 5", "minutes = 6")}, "PUT", 200 if writes else 403, **{"If-Match": '"1"'})
    await desk.send(f"/people/{person.id}/prescriptions/new", 303 if writes else 403, text=SHORT, do="save")
    if not writes:
        await desk.send(f"{path}/withdraw", 403, sure="true")


async def test_nobody_reads_or_writes_without_signing_on_or_from_an_old_page(desk: Browser, kiosk: Browser, records: Records) -> None:
    person, begun = await prescribed(records)
    path = f"/api/v1/prescriptions/{begun.prescription_id}"
    for method, where in (("GET", path), ("GET", f"{path}/revisions"), ("POST", "/api/v1/plan"), ("DELETE", path)):
        await desk.ask(where, {"text": SHORT} if method == "POST" else None, method, 401)
    await desk.sign_on(Role.PHYSICIAN)
    desk.csrf = "stale"
    await desk.ask(path, {"text": FAST}, "PUT", 403, **{"If-Match": '"1"'})
    await desk.send(f"/people/{person.id}/prescriptions/new", 403, text=SHORT, do="save")
    await kiosk.sign_on(Role.PHYSICIAN)
    assert "Short" in await kiosk.see(f"/prescriptions/{begun.prescription_id}")
    await kiosk.see(f"/prescriptions/{begun.prescription_id}/edit", 403)  # written at a desk, never at the machine
    assert len(await records.prescriptions.revisions(begun.prescription_id)) == 1
