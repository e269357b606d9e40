"""A draft of a profile looked over: everything that is wrong with the text, that machine or person forbid, or that staff should know, each with its place.

Nothing is written here, and no database is seen. The text is the truth; what is drawn and shown beside it follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from treadctl.config.problems import all_problems
from treadctl.config.toml_file import parse_toml
from treadctl.config.toml_lines import Trail, line_of, path_of, split_lines, statements
from treadctl.console.view import _
from treadctl.core.limits import Limits
from treadctl.errors import TreadctlError
from treadctl.ipc.messages import MAX_LINE
from treadctl.ipc.shape import MAX_ITEMS, MAX_TEXT
from treadctl.prescription.compile import Breach, PlacedSegment, breaches, flatten
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.person import Person, person_caps
from treadctl.prescription.plan import guard_findings
from treadctl.prescription.preflight import preflight
from treadctl.prescription.profile import Profile
from treadctl.prescription.rules import authority_of
from treadctl.prescription.words import NO_CAP, Authority, Cap, limits_of

LONGEST: Final = 200_000  # signs; the records keep no longer text
ROOM: Final = MAX_LINE - 8 * 1024  # bytes of an ARM request that a profile may take; the rest is the person's
MOST: Final = 60  # findings shown
PLACE: Final = re.compile(r"\b(?:warm_up|main|cool_down)\[\d+\](?:\.parts\[\d+\])?")
AT_LINE: Final = re.compile(r"\(at line (\d+), column (\d+)\)")
COVERED: Final = frozenset({"PR-39", "PR-40"})  # rows that say in one sentence what is said here stretch by stretch
FIELDS: Final = {"max_grade_percent": "grade_percent", "max_grade_rate_percent_per_s": "grade_percent"}

MAY: Final = {
    Authority.NOBODY: _("Nobody may set this rule aside."),
    Authority.PHYSICIAN: _("A physician may set this rule aside for this person, by name and with the reason."),
    Authority.CLINICIAN: _("A physiotherapist or a physician may set this rule aside for this person, by name and with the reason."),
}


class Weight(StrEnum):
    """What a finding means for the draft, the gravest first."""

    WRONG = "wrong"  # this is no profile: it cannot be kept
    FORBIDDEN = "forbidden"  # machine or person forbid it: it cannot be prescribed as it is
    NOT_TODAY = "not_today"  # it may be prescribed; as things stand today no start is granted
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `path` leads to the value it is about, `line` counts from 1; `whose`: text, machine or person; `who_may` says who may set it aside."""

    weight: Weight
    sentence: str
    remedy: str = ""
    path: Trail = ()
    line: int | None = None
    whose: str = "text"
    rule: str = ""
    who_may: str = ""
    code: str = ""

    @property
    def place(self) -> str:
        """The place as people read it, positions from 1: `main[2] > speed_kmh`."""
        names: list[str] = []
        for part in self.path:
            if isinstance(part, int) and names:
                names[-1] += f"[{part + 1}]"
            else:
                names.append(str(part))
        return " > ".join(names)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text and what was found. `table` is what it says as TOML, `profile` the same where it is a profile; `placed` are its segments."""

    text: str
    findings: tuple[Finding, ...]
    table: dict[str, Any] | None = None
    profile: Profile | None = None
    placed: tuple[PlacedSegment, ...] = ()
    limits: Limits = NO_CAP  # the person's
    caps: tuple[Cap, ...] = ()
    for_person: bool = False

    @property
    def against(self) -> tuple[Finding, ...]:
        """What keeps it from being saved. A protocol of the library may ask for more than this machine gives; a prescription may not."""
        weights = {Weight.WRONG, Weight.FORBIDDEN} if self.for_person else {Weight.WRONG}
        return tuple(finding for finding in self.findings if finding.weight in weights)


def tidy(text: str) -> str:
    """The text as it is kept: lines end with a line feed alone, as browsers and Windows add a carriage return; no mark of byte order."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def read_upload(content: bytes) -> str:
    """The text of an uploaded file. Raises TreadctlError(not_toml) with the byte that is no text."""
    try:
        return tidy(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TreadctlError("not_toml", "file", f"byte {error.start + 1} is not UTF-8 text: save it as UTF-8") from error


def look_over(text: str, frame: MachineFrame, person: Person | None = None, day: date | None = None, unreadable: str = "") -> Draft:
    """Look a draft over. `unreadable` says why a person's limits are not known, where there is a person; then it cannot be prescribed."""
    for_person = person is not None or bool(unreadable)
    found = list(_hygiene(text))
    if found:
        return Draft(text, tuple(found[:MOST]), for_person=for_person)
    try:
        table = parse_toml(text.encode("utf-8"), "text")
    except TreadctlError as error:
        return Draft(text, (_of_error(error, text),), for_person=for_person)
    try:
        profile = Profile.model_validate(table)
        placed = flatten(profile)
    except ValidationError as error:
        problems = all_problems(error, Profile, table, "text")
        return Draft(text, tuple(_of_error(problem, text) for problem in problems[:MOST]), table, for_person=for_person)
    except TreadctlError as error:
        return Draft(text, (_of_error(error, text),), table, for_person=for_person)
    caps = person_caps(person, profile.facing, day=day) if person is not None else ()
    limits = limits_of(caps)
    found = [_limit(breach, caps, table) for breach in _firsts(breaches(profile.name, placed, frame.limits, limits))]
    found += [Finding(Weight.FORBIDDEN, sentence, path=_named(sentence), whose="machine") for sentence in guard_findings(profile, frame)]
    found += _too_large(text)
    if unreadable:
        found.append(Finding(Weight.FORBIDDEN, unreadable, _("Complete the facts on the person's page."), whose="person"))
    if person is not None:
        found += _of_person(profile, person, frame, day)
    found.sort(key=_gravest)
    return Draft(text, _lined(text, found[:MOST]), table, profile, placed, limits, caps, for_person)


def _hygiene(text: str) -> Iterator[Finding]:
    """What TOML would let pass, or complain of less clearly, and the way to the machine would not."""
    if not text.strip():
        yield Finding(Weight.WRONG, _("The text is empty."), _("Choose a protocol, or write one."))
    if len(text) > LONGEST:
        yield Finding(Weight.WRONG, f"The text has {len(text)} signs; {LONGEST} can be kept.", _("Write repeated stretches as rounds or steps."))
        return
    for number, line in enumerate(split_lines(text), 1):
        if len(line) > MAX_TEXT:
            yield Finding(Weight.WRONG, f"The line has {len(line)} signs; {MAX_TEXT} are taken.", _("Break it, or shorten it."), line=number)
        strange = next((sign for sign in line if not (sign.isprintable() or sign == "\t")), None)
        if strange is not None:
            column = line.index(strange) + 1
            yield Finding(Weight.WRONG, f"Sign {column} of the line (U+{ord(strange):04X}) does not print.", _("Take it out."), line=number)


def _too_large(text: str) -> Iterator[Finding]:
    """The text goes to the machine in one request, line by line in quotes."""
    size = len(text.encode("utf-8")) + text.count('"') + text.count("\\") + 4 * text.count("\n")
    lines = text.count("\n") + 1
    if lines > MAX_ITEMS:
        sentence = f"The text has {lines} lines; {MAX_ITEMS} can go to the machine."
        yield Finding(Weight.FORBIDDEN, sentence, _("Write repeated stretches as rounds or steps, or each in one line."), whose="machine")
    if size > ROOM:
        sentence = f"As it goes to the machine the text takes {size} bytes; {ROOM} are taken."
        yield Finding(Weight.FORBIDDEN, sentence, _("Write repeated stretches as rounds or steps, or shorten the notes."), whose="machine")


def _of_error(error: TreadctlError, text: str) -> Finding:
    sentence = error.kind.sentence[:1].upper() + error.kind.sentence[1:]
    words = f"{sentence}: {error.detail}".rstrip(".") if error.detail else sentence
    words += "" if words.endswith("?") else "."
    remedy = error.kind.remedy[:1].upper() + error.kind.remedy[1:] + "."
    at = AT_LINE.search(error.detail)
    path = path_of(error.place)
    line = int(at[1]) if at else line_of(statements(text), path)
    if error.detail.endswith("(at end of document)"):
        line = len(split_lines(text.rstrip()))
    return Finding(Weight.WRONG, words, remedy, path, line, code=error.kind.code)


def _firsts(found: Iterator[Breach]) -> Iterator[Breach]:
    """The first of each entry and limit: a stair of ten steps too fast is one mistake, not seven."""
    seen: set[tuple[str, str]] = set()
    for breach in found:
        key = (breach.item.place if breach.item is not None else "", breach.field)
        if key not in seen:
            seen.add(key)
            yield breach


def _limit(breach: Breach, caps: tuple[Cap, ...], table: dict[str, Any]) -> Finding:
    detail = breach.error.detail.replace(f" ({breach.field})", "")
    label = f"{breach.item.segment.label}: " if breach.item is not None else ""
    path = path_of(f"text > {breach.item.place}") if breach.item is not None else ()
    key = _key_of(breach, table, path)
    sentence = f"{label}{detail}."
    sentence = sentence[:1].upper() + sentence[1:]
    full = (*path, key) if key else path
    if breach.whose == "machine":
        remedy = _("The machine cannot do it: change the stretch, or its length.")
        return Finding(Weight.FORBIDDEN, sentence, remedy, full, whose="machine", code=breach.error.kind.code)
    mine = [cap for cap in caps if cap.field == breach.field]
    if not mine:
        return Finding(Weight.FORBIDDEN, sentence, path=full, whose="person", code=breach.error.kind.code)
    cap = min(mine, key=_value)
    may = MAY[authority_of(cap.rule)]
    return Finding(Weight.FORBIDDEN, sentence, cap.reason, full, whose="person", rule=cap.rule.value, who_may=may, code=breach.error.kind.code)


def _key_of(breach: Breach, table: dict[str, Any], path: Trail) -> str:
    """The key that says what goes too far, as this entry has it."""
    if not path:
        return ""
    entry: Any = table
    for part in path:
        entry = entry[part]
    if breach.field in FIELDS:
        return FIELDS[breach.field]
    wanted = ("steps", "minutes", "seconds") if breach.field.startswith(("max_acc", "max_dec")) else ("steps", "speed_kmh", "speed_mps")
    return next((key for key in wanted if key in entry), "")


def _of_person(profile: Profile, person: Person, frame: MachineFrame, day: date | None) -> Iterator[Finding]:
    for found in preflight(profile, person, frame, day=day):
        if found.row in COVERED:
            continue
        weight = Weight.NOT_TODAY if found.refuses else Weight.NOTE
        aside = f"Set aside by {found.set_aside_by}" if found.set_aside_by else ""
        may = MAY[authority_of(found.rule)] if found.refuses else ""
        yield Finding(weight, found.sentence, aside, _named(found.sentence), whose="person", rule=found.rule.value, who_may=may)


def _named(sentence: str) -> Trail:
    """The entry that a sentence names."""
    place = PLACE.search(sentence)
    return path_of(f"text > {place[0]}") if place is not None else ()


def _lined(text: str, found: list[Finding]) -> tuple[Finding, ...]:
    if not any(finding.path for finding in found):
        return tuple(found)
    stated = statements(text)
    return tuple(
        Finding(f.weight, f.sentence, f.remedy, f.path, line_of(stated, f.path), f.whose, f.rule, f.who_may, f.code) if f.path else f for f in found
    )


def _gravest(finding: Finding) -> int:
    return list(Weight).index(finding.weight)


def _value(cap: Cap) -> float:
    return cap.value
