from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from treadctl.cli.profile import app
from treadctl.core.sample import ChannelId
from treadctl.errors import TreadctlError
from treadctl.prescription import REFERENCE, Finding, Profile, compile_program, make_plan, person_from_options, preflight, prepare, refusals
from treadctl.prescription.describe import clock, plan_data, stop_sentence
from treadctl.prescription.person import Rule
from treadctl.prescription.plan import fitting_speed_mps
from treadctl.prescription.plot import plot_plan, speed_points, title_of

Read = Callable[..., Profile]
Write = Callable[..., Path]
DAY = date(2026, 11, 27)
CLEAR = {
    "severe_osteoporosis": False,
    "vestibular_dysfunction": False,
    "lumbar_problem": False,
    "ankle_problem": False,
    "knee_problem": False,
    "beta_blocker": False,
    "answered_on": date(2026, 11, 20),
}
ONCE = {"as_of": DAY, "sessions": 1, "sessions_last_7_days": 0, "recent": [{"day": date(2026, 11, 2), "peak_mps": 3.0, "events": 0}]}
HARNESS = ('direction = "reverse"', 'direction = "reverse"\nrequires = ["harness"]')
FAST = ("speed_mps = 0.5", "speed_mps = 2.0")


def test_times_follow_each_other_and_the_totals_add_up(profile: Read) -> None:
    plan = make_plan(profile(), REFERENCE)
    assert [row.starts_s for row in plan.rows] == [0.0, 60.0, 90.0, 210.0, 270.0, 330.0, 390.0, 450.0]
    assert (plan.total_s, plan.moving_s) == (490.0, 390.0)


def test_distance_is_the_area_under_the_ramps(profile: Read) -> None:
    walk_in, walk = make_plan(profile(), REFERENCE).rows[1:3]
    assert walk_in.ramp_s == pytest.approx(1.0)
    assert walk_in.distance_m == pytest.approx(0.25 * 30.0 - 0.5 * 0.25 * 1.0)
    assert walk.distance_m == pytest.approx(0.5 * 120.0 - 0.5 * 0.25 * 1.0)


def test_a_person_who_is_new_gets_slower_ramps(profile: Read) -> None:
    plan = make_plan(profile(), REFERENCE, replace(REFERENCE.limits, max_acceleration_mps2=0.1))
    assert plan.rows[1].ramp_s == pytest.approx(2.5)


def test_the_belt_stands_before_it_changes_direction_and_the_clock_waits(profile: Read) -> None:
    plan = make_plan(profile(("speed_mps = 0.5", 'speed_mps = 0.5\ndirection = "forward"')), REFERENCE)
    turned, back = plan.rows[2:4]
    assert turned.waits_s == pytest.approx(0.25 / 0.8)
    assert (turned.from_mps, turned.segment.direction.value) == (0.0, "forward")
    assert turned.distance_m == pytest.approx(0.25**2 / 1.6 + 0.5 * 120.0 - 0.5**2 / 0.5)
    assert back.starts_s == turned.ends_s == pytest.approx(90.0 + 0.25 / 0.8 + 120.0)
    assert {m.name for m in plan.margins} >= {"max_speed_forward_mps", "max_speed_reverse_mps"}


def test_a_profile_that_ends_moving_is_ramped_down_by_the_protective_ramp(profile: Read) -> None:
    ends_moving = profile(('[[cool_down]]\nkind = "floor"\nlabel = "Hips"\nseconds = 40\n', ""))
    plan = make_plan(ends_moving, REFERENCE)
    assert plan.ramp_down_s == pytest.approx(0.25 / 0.9)
    assert plan.total_s == pytest.approx(450.0 + 0.25 / 0.9)
    assert plan.distance_m == pytest.approx(sum(row.distance_m for row in plan.rows) + 0.25**2 / 1.8)


def test_the_worst_stop_counts_the_reaction_and_is_judged_against_the_deck(profile: Read) -> None:
    plan = make_plan(profile(), REFERENCE)
    speed = 2.4 / 3.6
    assert plan.protective_stop.distance_m == pytest.approx(speed * 0.5 + speed**2 / 1.8)
    assert plan.protective_stop.time_s == pytest.approx(0.5 + speed / 0.9)
    assert plan.fast_stop.distance_m < plan.protective_stop.distance_m
    assert "fits on the deck" in stop_sentence(plan)
    assert "backward, unseeing, toward and off the open rear end" in stop_sentence(plan)
    assert "0.1 s to decide and tell the drive, then 0.4 s" in stop_sentence(plan)


def test_a_stop_from_the_fitting_speed_just_fits(profile: Read) -> None:
    speed = fitting_speed_mps(REFERENCE)
    assert speed * REFERENCE.reaction_s + speed**2 / (2 * 0.9) == pytest.approx(REFERENCE.deck_length_m)


def test_a_stop_longer_than_the_deck_needs_the_harness(profile: Read) -> None:
    with pytest.raises(TreadctlError, match="must require the harness") as caught:
        make_plan(profile(FAST), REFERENCE)
    assert caught.value.kind.code == "TC120"
    assert "does NOT fit" in stop_sentence(make_plan(profile(FAST, HARNESS), REFERENCE))


def test_a_guard_that_is_not_fitted_refuses_the_profile(profile: Read) -> None:
    bare = replace(REFERENCE, fitted=REFERENCE.fitted - {ChannelId.HARNESS})
    with pytest.raises(TreadctlError, match="requires harness, which machine reference does not have"):
        make_plan(profile(HARNESS), bare)


def test_each_limit_is_shown_with_its_margin_and_whose_it_is(profile: Read) -> None:
    person = replace(REFERENCE.limits, max_speed_reverse_mps=2.4 / 3.6)
    margins = {m.name: m for m in make_plan(profile(), REFERENCE, person).margins}
    speed = margins["max_speed_reverse_mps"]
    assert (speed.whose, speed.touched, speed.left) == ("person", True, 0.0)
    duration = margins["max_duration_s"]
    assert (duration.whose, duration.touched, duration.asked, duration.left) == ("machine", False, 390.0, 2010.0)
    assert not margins["max_grade_percent"].touched


def test_facing_rear_on_a_forward_belt_warns_of_the_slack_cord(profile: Read) -> None:
    plan = make_plan(profile(('facing = "console"', 'facing = "rear"'), ('direction = "reverse"', 'direction = "forward"')), REFERENCE)
    assert any("cord slackens" in caution for caution in plan.cautions)
    assert "into the console" in stop_sentence(plan)


def test_the_plan_as_data_is_valid_json_with_units_in_its_keys(profile: Read) -> None:
    data = json.loads(json.dumps(plan_data(make_plan(profile(), REFERENCE)), allow_nan=False))
    assert data["max_speed_mps"] == pytest.approx(2.4 / 3.6)
    assert len(data["segments"]) == 8
    assert data["backward_gait"] is True


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0:00"), (75.0, "1:15"), (61.4, "1:01.4"), (59.99, "1:00"), (3600.0, "60:00")])
def test_times_are_shown_as_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def findings(profile: Profile, **options: object) -> tuple[Finding, ...]:
    return preflight(profile, person_from_options(walker() | options), REFERENCE, day=DAY)


def walker() -> dict[str, object]:
    return {"mass_kg": 70.0, "age_years": 40, "usual_minutes": 60.0, "experience": "walker", "screening": CLEAR, "sessions_last_7_days": 0}


def test_a_clear_person_may_start(profile: Read) -> None:
    assert findings(profile()) == ()


def test_nobody_named_may_not_start(profile: Read) -> None:
    assert refusals(preflight(profile(), None, REFERENCE))


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"screening": None}, Rule.SCREENING),
        ({"screening": CLEAR | {"severe_osteoporosis": True}}, Rule.OSTEOPOROSIS),
        ({"screening": CLEAR | {"vestibular_dysfunction": True}}, Rule.VESTIBULAR),
        ({"screening": CLEAR | {"lumbar_problem": True}}, Rule.LUMBAR),
        ({"sessions_last_7_days": 2}, Rule.WEEKLY),
        ({"experience": "first", "history": ONCE}, Rule.HANDS),
        ({"usual_minutes": 10.0}, Rule.CAPS),
    ],
)
def test_each_rule_refuses_by_itself(profile: Read, options: dict[str, object], rule: Rule) -> None:
    attended = profile(('direction = "reverse"', 'direction = "reverse"\nrequires = ["attendant"]'))
    assert [f.rule for f in findings(attended, **options) if f.refuses] == [rule]


def test_an_ankle_is_a_note_and_no_refusal(profile: Read) -> None:
    (found,) = findings(profile(), screening=CLEAR | {"ankle_problem": True})
    assert (found.rule, found.refuses) == (Rule.ANKLE, False)


def test_a_note_stays_a_note_whatever_is_overridden(profile: Read) -> None:
    override = {"rule": "ankle", "by": "A clinician", "role": "physiotherapist", "reason": "looked at it this morning"}
    (found,) = findings(profile(), screening=CLEAR | {"ankle_problem": True}, overrides=[override])
    assert found.set_aside_by == ""


def test_a_guard_that_is_not_fitted_is_among_the_refusals(profile: Read) -> None:
    bare = replace(REFERENCE, fitted=REFERENCE.fitted - {ChannelId.HARNESS})
    assert [f.rule for f in preflight(profile(HARNESS), person_from_options(walker()), bare, day=DAY)] == [Rule.GUARDS]


def test_a_named_clinician_may_set_a_rule_aside_and_is_recorded(profile: Read) -> None:
    override = {"rule": "weekly", "by": "A clinician", "role": "physiotherapist", "reason": "published dose of three a week"}
    (found,) = findings(profile(), sessions_last_7_days=2, overrides=[override])
    assert not found.refuses
    assert found.set_aside_by == "A clinician, physiotherapist: published dose of three a week"


def test_an_override_of_another_rule_changes_nothing(profile: Read) -> None:
    override = {"rule": "age", "by": "A clinician", "role": "physician", "reason": "published dose of three a week"}
    assert refusals(findings(profile(), sessions_last_7_days=2, overrides=[override]))


def test_the_drawn_line_follows_the_plan_to_standstill(profile: Read) -> None:
    times_s, speeds_mps = speed_points(make_plan(profile(), REFERENCE))
    assert times_s == sorted(times_s)
    assert (times_s[0], times_s[-1], speeds_mps[-1]) == (0.0, 490.0, 0.0)
    assert max(speeds_mps) == pytest.approx(2.4 / 3.6)


@pytest.mark.parametrize(("name", "magic"), [("plan.svg", b"<?xml"), ("plan.png", b"\x89PNG")])
def test_a_plot_is_written_as_svg_or_png(profile: Read, tmp_path: Path, name: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    plan = make_plan(profile(), REFERENCE)
    plot_plan(plan, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert content.startswith(magic)
    if name.endswith("svg"):
        assert b"belt reverse, facing console" in content
        assert b"limit reverse (machine)" in content


def test_a_title_says_where_the_person_looks(profile: Read) -> None:
    assert "backward gait: belt reverse, facing console" in title_of(make_plan(profile(), REFERENCE))


def test_another_picture_format_is_refused(profile: Read, tmp_path: Path) -> None:
    with pytest.raises(TreadctlError, match=r"\.svg or \.png"):
        plot_plan(make_plan(profile(), REFERENCE), tmp_path / "plan.gif")


def test_without_matplotlib_the_error_says_what_to_install(profile: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadctl.prescription.plot.find_spec", dict[str, object]().get)
    with pytest.raises(TreadctlError, match=r"pip install 'treadctl\[plot\]'"):
        plot_plan(make_plan(profile(), REFERENCE), tmp_path / "plan.svg")


def test_planning_does_not_need_matplotlib(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert CliRunner().invoke(app, ["plan", str(write())]).exit_code == 0


def test_check_says_ok_and_lists_what_forbids_a_start(write: Write) -> None:
    result = CliRunner().invoke(app, ["check", str(write()), "--mass-kg", "70", "--experience", "walker"])
    assert result.exit_code == 0
    assert "OK Sample" in result.output
    assert "forbids a start" in result.output


def test_check_of_a_profile_beyond_the_limits_exits_2_and_names_the_file(write: Write) -> None:
    path = write(("speed_mps = 0.5", "speed_mps = 2.3"))
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    assert f"TC120 {path} > main[1]" in result.output.replace("\n", "")


def test_check_as_json_gives_the_error_as_an_object(write: Write) -> None:
    result = CliRunner().invoke(app, ["check", str(write(("speed_mps = 0.5", "speed_mps = nan"))), "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["code"] == "TC104"


def test_plan_prints_every_segment_the_totals_the_stop_and_the_limits(write: Write) -> None:
    result = CliRunner().invoke(app, ["plan", str(write())], env={"COLUMNS": "140"})
    assert result.exit_code == 0
    for words in (
        "Ankles",
        "Stair (3 of 3)",
        "Total 8:10, of it 6:30",
        "against a deck of 1.50 m",
        "max_speed_reverse_mps",
        "Hardest braking",
        "Caution",
        "Note",
    ):
        assert words in result.output


def test_plan_as_json_is_one_object(write: Write) -> None:
    result = CliRunner().invoke(app, ["plan", str(write()), "--json"])
    assert json.loads(result.stdout)["total_s"] == 490.0


def test_a_person_file_and_single_values_are_not_mixed(write: Write, tmp_path: Path) -> None:
    person = tmp_path / "person.toml"
    person.write_text('format = 1\nmass_kg = 70\nexperience = "walker"\n', encoding="utf-8")
    assert CliRunner().invoke(app, ["check", str(write()), "--person", str(person)]).exit_code == 0
    mixed = CliRunner().invoke(app, ["check", str(write()), "--person", str(person), "--mass-kg", "80"])
    assert (mixed.exit_code, "not both" in mixed.output) == (2, True)


def test_prepare_gives_what_an_arm_order_needs(profile: Read) -> None:
    walker = {"mass_kg": 70.0, "experience": "walker", "screening": CLEAR, "sessions_last_7_days": 0, "caps": {"max_speed_mps": 0.7}}
    ready = prepare(profile(), REFERENCE, person_from_options(walker), allowance_s=900.0)
    assert ready.program == compile_program(profile(), REFERENCE.limits)
    assert (ready.limits.max_speed_reverse_mps, ready.limits.max_speed_forward_mps) == (0.7, 0.7)
    assert (ready.person.mass_kg, ready.person.allowance_s, ready.preflight) == (70.0, 900.0, ())


def test_prepare_shows_what_the_person_forbids_and_raises_what_the_machine_forbids(profile: Read) -> None:
    slow = person_from_options({"mass_kg": 70.0, "screening": CLEAR, "caps": {"max_speed_mps": 0.3}})
    assert any("the limit of the person" in sentence for sentence in prepare(profile(), REFERENCE, slow).preflight)
    with pytest.raises(TreadctlError, match="must require the harness"):
        prepare(profile(FAST), REFERENCE, slow)
    with pytest.raises(TreadctlError, match="the limit of the machine"):
        prepare(profile(("speed_mps = 0.5", "speed_mps = 2.3"), HARNESS), REFERENCE, slow)
