from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from treadctl.config import InstalledRegistry, MachineConfig, load_machine, read_toml
from treadctl.core.program import Block, Hands
from treadctl.core.prompts import PromptKind
from treadctl.errors import TreadctlError
from treadctl.prescription import REFERENCE, frame_of, load_person, load_profile, make_plan, person_from_options, preflight, refusals
from treadctl.prescription.compile import flatten
from treadctl.prescription.profile import FloorEntry
from treadctl.prescription.schema import MODELS, main, schema_text, stale

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted((ROOT / "profiles").glob("*.toml"))
MACHINES = sorted((ROOT / "profiles" / "machines").glob("*.toml"))
PRESCRIBED = [path for path in PROFILES if path.stem != "demo"]
CLEAR = {"severe_osteoporosis": False, "vestibular_dysfunction": False, "lumbar_problem": False, "ankle_problem": False}


def name_of(path: Path) -> str:
    return path.stem


def machine(path: Path) -> MachineConfig:
    table = read_toml(path).table
    registry = InstalledRegistry()
    try:
        for name in {table["drive"]["driver"], *(device["driver"] for device in table["devices"])}:
            registry.driver(name, str(path))
        for link in table["links"].values():
            registry.link(link["kind"], str(path))
    except TreadctlError as error:
        pytest.skip(f"a driver is not there yet: {error}")
    return load_machine(path)


class AnyTable(BaseModel):
    """Takes any keys: the drivers' own keys are the business of the test with the installed drivers."""

    model_config = ConfigDict(extra="allow", frozen=True)


class AnyFamily:
    """Stands for every link and every device."""

    config_model = AnyTable

    def __init__(self, role: str) -> None:
        self.role = role
        self.link_kinds = frozenset({"modbus_rtu", "modbus_tcp", "serial"})

    def address(self, config: object) -> int | None:
        return getattr(config, "unit", None)

    def build(self, config: object, *parts: object) -> object:
        raise AssertionError("reading a machine file opens nothing")


class AnyRegistry:
    def link(self, kind: str, place: str) -> AnyFamily:
        return AnyFamily("link")

    def driver(self, name: str, place: str) -> AnyFamily:
        return AnyFamily("sensor" if name in {"sensor_board", "io_module", "serial_line"} else "drive")


@pytest.mark.parametrize("path", MACHINES, ids=name_of)
def test_the_common_part_of_each_shipped_machine_file_is_accepted(path: Path) -> None:
    config = load_machine(path, AnyRegistry())
    assert config.name == path.stem
    assert [remark.split(" ")[0] for remark in config.remarks()] == ["trunk"]  # worn by those who have one


@pytest.mark.parametrize("machine_path", MACHINES, ids=name_of)
@pytest.mark.parametrize("path", PROFILES, ids=name_of)
def test_each_shipped_profile_can_be_walked_on_each_shipped_machine(path: Path, machine_path: Path) -> None:
    make_plan(load_profile(path), frame_of(load_machine(machine_path, AnyRegistry())))


def test_the_reference_frame_is_the_example_machine() -> None:
    frame = frame_of(load_machine(ROOT / "profiles" / "machines" / "altivar-rtu.toml", AnyRegistry()))
    assert replace(frame, name="reference") == REFERENCE


def test_the_drives_own_delay_comes_from_the_machine_file(tmp_path: Path) -> None:
    text = (ROOT / "profiles" / "machines" / "altivar-rtu.toml").read_text(encoding="utf-8")
    path = tmp_path / "quick.toml"
    path.write_text(text.replace("stop_reaction_s = 0.4", "stop_reaction_s = 0.2"), encoding="utf-8")
    assert frame_of(load_machine(path, AnyRegistry())).reaction_s == pytest.approx(0.3)


def test_profiles_and_machines_are_shipped() -> None:
    assert {path.stem for path in PROFILES} >= {"first-session", "knee-oa-retro-walk", "trained-runner", "athlete-warm-up", "demo"}
    assert {path.stem for path in MACHINES} >= {"altivar-rtu", "altivar-tcp", "woodway"}


@pytest.mark.parametrize("path", MACHINES, ids=name_of)
def test_each_shipped_machine_file_is_accepted_by_the_installed_drivers(path: Path) -> None:
    config = machine(path)
    assert config.name == path.stem
    assert [remark.split(" ")[0] for remark in config.remarks()] == ["trunk"]  # worn by those who have one


@pytest.mark.parametrize("path", PROFILES, ids=name_of)
def test_each_shipped_profile_fits_the_reference_and_has_the_name_of_its_file(path: Path) -> None:
    profile = load_profile(path)
    assert profile.name == path.stem
    assert make_plan(profile, REFERENCE).total_s > 0.0


@pytest.mark.parametrize("path", PRESCRIBED, ids=name_of)
def test_each_prescribed_profile_loosens_hips_and_ankles_before_and_after(path: Path) -> None:
    profile = load_profile(path)
    for entries in (profile.warm_up, profile.cool_down):
        floor = " ".join(entry.label for entry in entries if isinstance(entry, FloorEntry))
        assert "Hips" in floor
        assert "Ankles" in floor


@pytest.mark.parametrize("path", PRESCRIBED, ids=name_of)
def test_each_prescribed_profile_wants_somebody_in_attendance_and_asks_about_dizziness(path: Path) -> None:
    profile = load_profile(path)
    assert "attendant" in profile.requires
    assert any(PromptKind.DIZZINESS in item.segment.prompts for item in flatten(profile))


def test_the_first_session_is_as_gentle_as_it_says() -> None:
    profile = load_profile(ROOT / "profiles" / "first-session.toml")
    plan = make_plan(profile, REFERENCE)
    moving = [row for row in plan.rows if row.segment.speed_mps > 0.0]
    rises = [row.segment.speed_mps - row.from_mps for row in moving[1:] if row.segment.speed_mps > row.from_mps]
    main_rows = [row.segment for row in moving if row.segment.block is Block.MAIN]
    assert moving[0].segment.speed_mps * 3.6 <= 0.8 + 1e-9
    assert all(0.2 - 1e-9 <= rise * 3.6 <= 0.3 + 1e-9 for rise in rises)
    assert all(segment.duration_s >= 60.0 for segment in main_rows)
    assert plan.program.max_speed_mps * 3.6 <= 3.0
    assert {row.segment.hands for row in moving} == {Hands.ON}
    assert {segment.prompts for segment in main_rows} == {(PromptKind.RPE, PromptKind.DIZZINESS)}
    assert sum(row.segment.duration_s for row in moving if row.segment.block is Block.COOL_DOWN) >= 120.0


def test_a_newcomer_with_a_clear_screening_may_do_the_first_session_and_nothing_faster() -> None:
    newcomer = person_from_options({"mass_kg": 70.0, "screening": CLEAR, "sessions_last_7_days": 0})
    assert not refusals(preflight(load_profile(ROOT / "profiles" / "first-session.toml"), newcomer, REFERENCE))
    assert refusals(preflight(load_profile(ROOT / "profiles" / "athlete-warm-up.toml"), newcomer, REFERENCE))


def test_the_knee_profile_has_the_published_dose_and_says_that_its_speeds_are_ours() -> None:
    profile = load_profile(ROOT / "profiles" / "knee-oa-retro-walk.toml")
    main_s = sum(item.segment.duration_s for item in flatten(profile) if item.segment.block is Block.MAIN)
    assert main_s == 600.0
    assert profile.schedule is not None
    assert (profile.schedule.sessions_per_week, profile.schedule.weeks) == (3, 6)
    (ours,) = [source for source in profile.sources if "speeds" in source.says]
    assert ours.mark == "derived"
    assert "not published" in ours.says


def test_the_runner_needs_harness_and_an_own_forward_speed_of_11_kmh() -> None:
    profile = load_profile(ROOT / "profiles" / "trained-runner.toml")
    assert "harness" in profile.requires
    runner = {"mass_kg": 70.0, "screening": CLEAR, "sessions_last_7_days": 0, "experience": "runner"}
    assert not refusals(preflight(profile, person_from_options(runner | {"own_forward_speed_kmh": 11.0}), REFERENCE))
    assert refusals(preflight(profile, person_from_options(runner | {"own_forward_speed_kmh": 10.0}), REFERENCE))
    assert refusals(preflight(profile, person_from_options(runner), REFERENCE))


def test_the_demo_is_short_held_and_learns_the_hold_first() -> None:
    plan = make_plan(load_profile(ROOT / "profiles" / "demo.toml"), REFERENCE)
    segments = [row.segment for row in plan.rows]
    assert plan.total_s <= 75.0
    assert sum(s.duration_s for s in segments if s.block is Block.WARM_UP) >= 10.0
    assert sum(s.duration_s for s in segments if s.block is Block.MAIN) == pytest.approx(39.0)
    assert len({s.speed_mps for s in segments if s.block is Block.MAIN}) == 3
    assert {s.hands for s in segments} == {Hands.ON}
    assert {s.direction.value for s in segments} == {"reverse"}


def test_the_committed_schemas_are_fresh() -> None:
    assert stale(ROOT / "profiles" / "schema") == (), "run: python -m treadctl.prescription.schema"


def test_a_changed_schema_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    path = tmp_path / "profiles" / "schema" / "profile.schema.json"
    path.write_text(path.read_text(encoding="utf-8").replace("km/h", "mph", 1), encoding="utf-8")
    assert main(["--check"]) == 1


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_key_of_a_schema_is_described(name: str) -> None:
    schema = json.loads(schema_text(name))
    for section in (schema, *schema["$defs"].values()):
        for key, field in section.get("properties", {}).items():
            assert field.get("description"), f"{section.get('title')} > {key}"


def test_the_example_person_may_do_the_knee_profile_with_the_week_set_aside() -> None:
    person = load_person(ROOT / "profiles" / "people" / "example.toml")
    found = preflight(load_profile(ROOT / "profiles" / "knee-oa-retro-walk.toml"), person, REFERENCE)
    assert refusals(found) == ()
    assert [finding.rule.value for finding in found if finding.set_aside_by] == ["weekly"]


@pytest.mark.parametrize("path", [*PROFILES, *MACHINES], ids=name_of)
def test_the_first_line_leads_an_editor_to_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("#:schema ")
    assert (path.parent / first.removeprefix("#:schema ")).is_file()
