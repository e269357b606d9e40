"""Prescribing for a person: what is refused and why, what is drawn, files in and out, and who may."""

from __future__ import annotations

import html
import re

import pytest
from console_rig import FACTS, PROFILES, Browser, Machine, walker
from prescribing_rig import ABRUPT, DOCTOR, FAST, GOOD, SHORT, STEEP, changed, newcomer, prescribed, written

from treadctl.prescription.frame import REFERENCE
from treadctl.prescription.person import person_limits, person_of
from treadctl.prescription.plan import make_plan
from treadctl.prescription.profile import profile_of
from treadctl.records.model import Role
from treadctl.records.store import Records

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


async def test_no_text_and_no_person_breaks_the_interface(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSICIAN)
    headers = {"X-CSRF-Token": desk.csrf, "Content-Type": "application/json"}
    assert (await desk.client.post("/api/v1/plan", content=b'{"text": "\\ud800"}', headers=headers)).status_code == 422
    half = b'{"text": "main = 1\\n[[warm_up]]", "edits": [{"op": "set", "at": ["warm_up", 0], "key": "label", "value": "\\ud800"}]}'
    for body in (half, b'{"text": "a = \\u0000"}', b'{"text": "' + b"[" * 100_000 + b'"}'):
        answer = await desk.client.post("/api/v1/plan", content=body, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["findings"][0]["weight"] == "wrong"
    for body in (b'{"text": "a", "person_id": "\\u0000"}', b'{"text": "a", "person_id": "\\ud800"}'):
        assert (await desk.client.post("/api/v1/plan", content=body, headers=headers)).status_code == 404
    deep = b'{"text": "format = 1", "edits": [{"op": "set", "at": ["main", 0], "key": "label", "value": ' + b"[" * 900 + b"]" * 900 + b"}]}"
    assert (await desk.client.post("/api/v1/plan", content=deep, headers=headers)).status_code == 422
    await desk.ask("/api/v1/prescriptions/9007199254740993", method="GET", status=422)
    await desk.ask("/api/v1/prescriptions/9007199254740992", method="GET", status=404)


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
