"""`treadctl profile check|plan|plot`: what a profile asks for, before anything moves. Talks to no machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from treadctl.config import load_machine
from treadctl.core.limits import Limits
from treadctl.core.units import kmh_from_mps
from treadctl.errors import TreadctlError
from treadctl.prescription import (
    REFERENCE,
    MachineFrame,
    Person,
    Plan,
    Profile,
    frame_of,
    load_person,
    load_profile,
    make_plan,
    person_from_options,
    person_limits,
    preflight,
)
from treadctl.prescription.describe import RAMP_NOTE, clock, findings_data, plan_data, speed_words, stop_sentence
from treadctl.prescription.person import Experience
from treadctl.prescription.plot import plot_plan

BAD_INPUT = 2
app = typer.Typer(help="Check, plan and draw profiles. Nothing moves.", no_args_is_help=True)

ProfileFile = Annotated[Path, typer.Argument(metavar="FILE", help="profile file (TOML)")]
MachineOption = Annotated[Path | None, typer.Option("--machine", metavar="FILE", help="machine file; without it the numbers of the example machine are used")]
PersonOption = Annotated[Path | None, typer.Option("--person", metavar="FILE", help="person file (TOML)")]
MassOption = Annotated[float | None, typer.Option("--mass-kg", help="body mass, kg, instead of a person file")]
OwnSpeedOption = Annotated[float | None, typer.Option("--own-forward-speed-kmh", help="own usual forward speed, km/h")]
UsualOption = Annotated[float | None, typer.Option("--usual-minutes", help="usual length of the own forward session, min; the belt moves at most half of it")]
AgeOption = Annotated[int | None, typer.Option("--age", help="age, years")]
ExperienceOption = Annotated[Experience | None, typer.Option("--experience", help="with going backward; first when not given")]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON object")]
OutOption = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="picture to write, .svg or .png")]


@dataclass(frozen=True, slots=True)
class Case:
    """What one command works on."""

    file: Path
    profile: Profile
    frame: MachineFrame
    person: Person | None

    @property
    def caps(self) -> Limits | None:
        """The person's caps, None where nobody is named."""
        return None if self.person is None else person_limits(self.person, self.profile.facing)

    def plan(self) -> Plan:
        """The plan, or the error that forbids it, with the file named in its place."""
        try:
            return make_plan(self.profile, self.frame, self.caps)
        except TreadctlError as error:
            place = str(self.file) + error.place.removeprefix(self.profile.name)
            raise TreadctlError(error.kind.name, place, error.detail) from error


@app.command()
def check(
    file: ProfileFile,
    machine: MachineOption = None,
    person: PersonOption = None,
    mass_kg: MassOption = None,
    own_forward_speed_kmh: OwnSpeedOption = None,
    usual_minutes: UsualOption = None,
    age: AgeOption = None,
    experience: ExperienceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a profile can be walked on this machine by this person. Exit code 2 when not."""
    with told_to_people(as_json=as_json):
        case = _case(file, machine, person, _options(mass_kg, own_forward_speed_kmh, usual_minutes, age, experience))
        plan = case.plan()
        findings = () if case.person is None else preflight(case.profile, case.person, case.frame, day=_today())
        if as_json:
            _print_json({"ok": True, "profile": case.profile.name, "machine": case.frame.name, "preflight": findings_data(findings)})
            return
        console = Console()
        summary = f"{len(plan.rows)} segments, {clock(plan.total_s)}, {plan.distance_m:.0f} m, at most {speed_words(plan.program.max_speed_mps)}"
        console.print(f"[green]OK[/green] {escape(case.profile.title)}: {summary}; machine {escape(case.frame.name)}.")
        for finding in findings:
            mark = "forbids a start" if finding.refuses else f"set aside by {finding.set_aside_by}" if finding.set_aside_by else "note"
            console.print(f"  {escape(mark)}: {escape(finding.sentence)}")


@app.command()
def plan(
    file: ProfileFile,
    machine: MachineOption = None,
    person: PersonOption = None,
    mass_kg: MassOption = None,
    own_forward_speed_kmh: OwnSpeedOption = None,
    usual_minutes: UsualOption = None,
    age: AgeOption = None,
    experience: ExperienceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every segment, the totals, the worst stop against the deck, and each limit with its margin."""
    with told_to_people(as_json=as_json):
        case = _case(file, machine, person, _options(mass_kg, own_forward_speed_kmh, usual_minutes, age, experience))
        made = case.plan()
        if as_json:
            _print_json(plan_data(made))
        else:
            _print_plan(Console(), made)


@app.command()
def plot(
    file: ProfileFile,
    out: OutOption,
    machine: MachineOption = None,
    person: PersonOption = None,
) -> None:
    """Draw the plan: speed with the band it must stay in, grade, limits. Needs the extra: pip install 'treadctl[plot]'."""
    with told_to_people(as_json=False):
        plot_plan(_case(file, machine, person, {}).plan(), out)
        Console().print(f"Wrote {escape(str(out))}.")


@contextmanager
def told_to_people(*, as_json: bool) -> Iterator[None]:
    """Turn a TreadctlError into its sentence on standard error (and a JSON object on standard output where asked) and exit code 2."""
    try:
        yield
    except TreadctlError as error:
        if as_json:
            _print_json(
                {"ok": False, "code": error.kind.code, "name": error.kind.name, "place": error.place, "detail": error.detail, "remedy": error.kind.remedy}
            )
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(BAD_INPUT) from error


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


def _options(mass_kg: float | None, own_kmh: float | None, usual_minutes: float | None, age: int | None, experience: Experience | None) -> dict[str, object]:
    given = {
        "mass_kg": mass_kg,
        "own_forward_speed_kmh": own_kmh,
        "usual_minutes": usual_minutes,
        "age_years": age,
        "experience": None if experience is None else experience.value,
    }
    return {key: value for key, value in given.items() if value is not None}


def _case(file: Path, machine: Path | None, person: Path | None, options: dict[str, object]) -> Case:
    profile = load_profile(file)
    frame = REFERENCE if machine is None else frame_of(load_machine(machine))
    if person is not None and options:
        raise TreadctlError("bad_value", "command line > --person", f"a person file or single values ({', '.join(options)}), not both")
    if person is not None:
        return Case(file, profile, frame, load_person(person))
    return Case(file, profile, frame, person_from_options(options) if options else None)


def _print_json(data: object) -> None:
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _print_plan(console: Console, made: Plan) -> None:
    profile = made.profile
    console.print(f"[bold]{escape(profile.title)}[/bold]")
    required = ", ".join(profile.requires) or "nothing more"
    console.print(f"Belt {profile.direction.value}, facing {profile.facing.value}; machine {escape(made.frame.name)}; requires {required}.")
    console.print(_segment_table(made))
    highest = speed_words(made.program.max_speed_mps)
    console.print(f"Total {clock(made.total_s)}, of it {clock(made.moving_s)} on the moving belt; {made.distance_m:.0f} m; highest speed {highest}.")
    console.print(escape(stop_sentence(made)))
    console.print(f"Hardest braking (SS1_FAST, {made.fast_stop.deceleration_mps2:g} m/s²): {made.fast_stop.distance_m:.2f} m in {made.fast_stop.time_s:.1f} s.")
    console.print(_limit_table(made))
    for caution in made.cautions:
        console.print(f"Caution: {escape(caution)}")
    console.print(f"Note: {RAMP_NOTE}.", style="dim")


def _segment_table(made: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=False)
    for column in ("#", "from", "to"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what", overflow="fold", ratio=1)
    for column in ("km/h", "%", "m"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("hands", no_wrap=True)
    table.add_column("asks", overflow="fold")
    block = None
    for number, row in enumerate(made.rows, start=1):
        segment = row.segment
        if segment.block is not block and block is not None:
            table.add_section()
        block = segment.block
        speed = f"{kmh_from_mps(segment.speed_mps):.1f}" if segment.speed_mps > 0.0 else "-"
        reverse = "" if segment.direction is made.profile.direction or segment.speed_mps == 0.0 else f" ({segment.direction.value})"
        table.add_row(
            str(number),
            clock(row.starts_s),
            clock(row.ends_s),
            escape(segment.label + reverse),
            speed,
            f"{segment.grade_percent:g}",
            f"{row.distance_m:.0f}",
            segment.hands.value,
            ", ".join(prompt.value for prompt in segment.prompts),
        )
    return table


def _limit_table(made: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("limit", no_wrap=True)
    for column in ("asked", "allowed", "left"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("of the", no_wrap=True)
    table.add_column("", no_wrap=True)
    for margin in made.margins:
        table.add_row(
            margin.name,
            f"{margin.asked:.3g} {margin.unit}" if margin.asked < 1000.0 else f"{margin.asked:.0f} {margin.unit}",
            f"{margin.limit:.3g}" if margin.limit < 1000.0 else f"{margin.limit:.0f}",
            f"{margin.left:.3g}" if margin.left < 1000.0 else f"{margin.left:.0f}",
            margin.whose,
            "touched" if margin.touched else "",
        )
    return table
