"""Writing prescriptions and protocols: the one way by which pages and the programming interface do it, with the same checks."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treadctl.config.paths import shipped
from treadctl.config.toml_lines import parsed
from treadctl.console.accounts import Visitor
from treadctl.console.context import Context
from treadctl.console.drafts import Draft, Finding, tidy
from treadctl.console.knowing import draft_of
from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.errors import TreadctlError
from treadctl.prescription.profile import profile_of
from treadctl.records.model import Revision

LONGEST_NOTE: Final = 2000


class RefusedDraftError(Problem):
    """A draft that cannot be saved; it carries what was found, for the page that shows the text again."""

    def __init__(self, draft: Draft, words: str) -> None:
        self.draft = draft
        reasons = tuple(told(finding) for finding in draft.against)
        super().__init__(422, words, " ".join(reasons), next((f.code for f in draft.against if f.code), "draft"), reasons)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A profile file of the folder of protocols. `trouble`: why it cannot be taken; `taken`: the library has one of its name, `same`: word for word."""

    file: str
    title: str
    for_whom: str
    text: str
    trouble: str = ""
    taken: int | None = None
    same: bool = False


def told(finding: Finding) -> str:
    """A finding in one text: place, what is wrong, what to do, who may decide otherwise."""
    place = f"{finding.place}: " if finding.place else f"line {finding.line}: " if finding.line else ""
    return f"{place}{' '.join(part for part in (finding.sentence, finding.remedy, finding.who_may) if part)}"


def command_for(person_id: str | None) -> Command:
    """What somebody must be allowed in order to write it."""
    return Command.EDIT_PROTOCOL if person_id is None else Command.PRESCRIBE


async def prescribe(context: Context, who: Visitor, person_id: str | None, text: str, note: str = "") -> Revision:
    """Revision 1 of a new prescription, or protocol where there is no person. Raises Problem 401, 403, 409 or RefusedDraftError, and TC605."""
    context.demand(who, command_for(person_id))
    text = tidy(text)
    draft = await _good(context, text, person_id)
    if person_id is None and any(entry.sha256 == _sha256(text) for entry in await context.records.prescriptions.library()):
        raise Problem(409, "There already", context.words.say(_("The library has this protocol already, word for word.")), "TC607")
    return await context.records.prescriptions.new(who.actor, person_id, _title(draft), text, note=note.strip())


async def revise(context: Context, who: Visitor, prescription_id: int, expected: int, text: str, note: str = "") -> Revision:
    """The revision after `expected`. Raises what `prescribe` raises, and TC606 where somebody else was first; nothing is ever written over."""
    current = (await context.records.prescriptions.revisions(prescription_id))[0]
    context.demand(who, command_for(current.person_id))
    if current.number != expected or current.withdrawn_at is not None:  # said before the text is judged: what they wrote comes first
        now = "it was withdrawn" if current.withdrawn_at is not None else f"its current revision is {current.number}, not {expected}"
        raise TreadctlError("record_changed", f"prescription {prescription_id}", now)
    text = tidy(text)
    draft = await _good(context, text, current.person_id)
    if text == current.text:
        raise Problem(409, "Nothing changed", context.words.say(_("The text is the same as in the current revision; nothing was written.")), "unchanged")
    return await context.records.prescriptions.revise(who.actor, prescription_id, expected, _title(draft), text, note=note.strip())


async def withdraw(context: Context, who: Visitor, prescription_id: int) -> Revision:
    """It is no more for use. Gives its last revision. TC605 where it was withdrawn before."""
    current = (await context.records.prescriptions.revisions(prescription_id))[0]
    context.demand(who, command_for(current.person_id))
    await context.records.prescriptions.withdraw(who.actor, prescription_id)
    return current


async def shelf(context: Context) -> tuple[Shipped, ...]:
    """The profile files offered as protocols: those of the folder in the settings, else those that are shipped."""
    return await asyncio.to_thread(_shelf, context.settings.profiles, await context.records.prescriptions.library())


async def from_shelf(context: Context, file: str) -> Shipped:
    """One of them by the name of its file. TC605 if there is none."""
    found = next((entry for entry in await shelf(context) if entry.file == file), None)
    if found is None:
        raise TreadctlError("record_missing", f"profile file {file}")
    return found


def _shelf(folder: str | None, library: tuple[Revision, ...]) -> tuple[Shipped, ...]:
    kept = {str((parsed(revision.text) or {}).get("name")): revision for revision in reversed(library)}
    root = Path(folder) if folder is not None else shipped("profiles")
    return tuple(_shipped(path, kept) for path in sorted(root.glob("*.toml")) if path.is_file())


def _shipped(path: Path, kept: dict[str, Revision]) -> Shipped:
    try:
        text = tidy(path.read_text(encoding="utf-8"))
        profile = profile_of(text, path.name)
    except TreadctlError as error:
        return Shipped(path.name, path.stem, "", "", str(error))
    except (OSError, UnicodeDecodeError) as error:
        return Shipped(path.name, path.stem, "", "", f"{path.name} cannot be read: {type(error).__name__}")
    mine = kept.get(profile.name)
    taken, same = (mine.prescription_id, mine.text == text) if mine is not None else (None, False)
    return Shipped(path.name, profile.title, profile.for_whom, text, taken=taken, same=same)


async def _good(context: Context, text: str, person_id: str | None) -> Draft:
    draft = await draft_of(context, text, person_id)
    if draft.against:
        raise RefusedDraftError(draft, context.words.say(_("Not saved")))
    return draft


def _title(draft: Draft) -> str:
    """What lists show: the title of the text itself, so that the two cannot differ."""
    assert draft.profile is not None  # noqa: S101 - a draft that is not refused is a profile
    return draft.profile.title


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
