"""`python -m treadctl.console.catalogues [--check]`: every text that is translated, gathered from code, templates and tables, and merged into each catalogue.

Adding a language: an empty file `locale/LL.po`, this command, then the translations. Texts that people read and that are put together of parts (f-strings)
become patterns with named places; a catalogue marks them with MADE, and `reports.catalogue` knows the sentences made from them again.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes
from jinja2.ext import extract_from_ast

import treadctl
from treadctl.config.problems import DEMANDS
from treadctl.console import words
from treadctl.console.rights import Situation
from treadctl.core.interlock import ROWS as INTERLOCK
from treadctl.core.messages import RequestKind
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import ChannelId, Direction, DriveState, Facing
from treadctl.core.session import SessionState
from treadctl.errors import ERRORS
from treadctl.prescription.claims import CLAIMS
from treadctl.prescription.rules import ROWS as RULES
from treadctl.prescription.words import Authority, Rule
from treadctl.records.model import Role
from treadctl.reports.figures import HEART_RATE_NOTE

ROOT: Final = Path(treadctl.__file__).parent
MADE: Final = words.MADE
MARKED: Final = {  # functions and classes, and which of their arguments people read
    "_": (0,), "N_": (0,), "say": (0,), "word": (0,), "Problem": (1, 2), "Finding": (1, 2), "TreadctlError": (2,), "complaint": (1,), "Hit": (0,),
    "_when": (1,),
}  # fmt: skip
CALLS_IN: Final = ("console", "reports", "prescription", "records")
NOT_IN: Final = (  # what stands there is read by programs, or by whoever runs them from a command line
    "console/catalogues.py", "console/openapi.py", "console/metrics.py", "console/serve.py", "records/bench.py", "records/database.py", "records/upgrade.py",
    "records/series.py", "records/failures.py", "records/importing", "records/migrations", "reports/fhir", "reports/session_json.py", "prescription/history.py",
    "prescription/gait.py",
)  # fmt: skip
SENTENCES_IN: Final = (  # here every whole sentence is one that people read
    "core/requests.py", "daemon/announce.py", "daemon/desk.py", "ipc/server.py", "prescription/predicates.py", "prescription/plan.py",
    "prescription/progress.py", "prescription/preflight.py", "records/importing/diary.py", "records/importing/recording.py", "records/importing/proofs.py",
    "records/importing/builder.py", "console/accounts.py", "console/drafts.py", "console/kiosk.py", "console/knowing.py", "console/rights.py",
    "console/guard.py", "console/once.py",
)  # fmt: skip
PHRASES_IN: Final = (  # and here every phrase of three words
    "prescription/energy.py", "prescription/compile.py", "prescription/plan.py", "reports/energy_range.py", "console/link.py",
)  # fmt: skip
HEAD: Final = re.compile(  # what of a catalogue's head says when and by whom, and changes with each run
    rb'^"(?:POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By|Report-Msgid-Bugs-To|Project-Id-Version): .*\n', re.MULTILINE
)
FIELD: Final = " ({field})"
SENTENCE: Final = re.compile(r"(?:[A-Z]|\{\w+\} \w).* .*[.!?}]", re.DOTALL)
PHRASE: Final = re.compile(r".*\w+ \w+ \w+.*", re.DOTALL)
WORDS: Final = (  # put into sentences as parts, or shown by themselves, and not marked where they stand
    "its date", "knee", "beta-blocker", "today's date to judge its age by", "no timed exercise beside the belt", "no stretch on the belt", "not known",
    "machine", "person", "forward", "back", "backward", "unknown", "kg", "min", "s", "m", "/min", "1/min", "m/s²", "years", "% BW", "unseeing",
    "the way they look", HEART_RATE_NOTE,
)  # fmt: skip


@dataclass(slots=True)
class Text:
    """One text: where it stands, its plural, and whether it is a pattern of a sentence put together."""

    places: set[str] = field(default_factory=set)
    plural: str = ""
    made: bool = False


def gathered() -> dict[str, Text]:
    """Every text that is translated."""
    found: dict[str, Text] = {}

    def add(source: str, place: str, *, made: bool = False, plural: str = "") -> None:
        if not any(sign.isalpha() for sign in source):
            return
        text = found.setdefault(source, Text())
        text.places.add(place)
        text.made = text.made or made
        text.plural = text.plural or plural

    for path in sorted((ROOT / "console" / "templates").rglob("*.html")):
        for source, plural in _of_template(path):
            add(source, _place(path), plural=plural)
    for path in sorted(ROOT.rglob("*.py")):
        place = _place(path)
        for source, made in _of_code(path, place):
            add(source, place, made=made)
            if made and FIELD in source:  # the editor shows it without
                add(source.replace(FIELD, ""), place, made=True)
    for source, place in _of_tables():
        add(source, place)
    for source in ("{code} {place}: {sentence}. Remedy: {remedy}.", "{code} {place}: {sentence} ({detail}). Remedy: {remedy}."):
        add(source, "errors.py", made=True)
    for source in (*DEMANDS.values(), "{demand}, the file has {given}", "{demand}; it is {about}", "{demand}, the file has {given}; it is {about}"):
        add(source, "config/problems.py", made="{" in source)
    return found


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _of_template(path: Path) -> Iterator[tuple[str, str]]:
    parsed: nodes.Template = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(path.read_text(encoding="utf-8"))
    for _line, function, message in extract_from_ast(parsed, ("gettext", "ngettext")):
        texts = [message] if isinstance(message, str) else [part for part in message or () if isinstance(part, str)]
        if texts:
            yield texts[0], texts[1] if function == "ngettext" else ""


def _of_tables() -> Iterator[tuple[str, str]]:
    for row in INTERLOCK:
        yield from ((row.sentence, "core/interlock.py"), (row.remedy, "core/interlock.py"))
    for rule in RULES:
        yield rule.sentence, "prescription/rules.py"
    for entry in CLAIMS:
        yield entry.sentence, "prescription/claims.py"
    for kind in ERRORS.values():
        yield from ((kind.sentence, "errors.py"), (kind.remedy, "errors.py"))
    for values in (Rule, Authority, Role, Situation, SessionState, PromptKind, RequestKind, DriveState, Direction, Facing, ChannelId):
        for value in values:
            yield value.value.replace("_", " "), f"{values.__module__.removeprefix('treadctl.').replace('.', '/')}.py"
    for word in WORDS:
        yield word, "console/catalogues.py"


def _of_code(path: Path, place: str) -> Iterator[tuple[str, bool]]:
    whole = place in SENTENCES_IN
    phrases = place in PHRASES_IN
    calls = place.startswith(tuple(f"{folder}/" for folder in CALLS_IN)) and not place.startswith(NOT_IN)
    if not (whole or phrases or calls):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    passed |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    passed |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue) and node.format_spec for part in ast.walk(node.format_spec)}
    marked = {id(text) for node in ast.walk(tree) if calls and isinstance(node, ast.Call) for text in _arguments(node)}
    for node in ast.walk(tree):
        text = _pattern(node)
        if text is None or id(node) in passed:
            continue
        wanted = id(node) in marked or (whole and SENTENCE.fullmatch(text)) or (phrases and PHRASE.fullmatch(text))
        if wanted and (isinstance(node, ast.Constant) or _letters(text) >= 3):
            yield text, isinstance(node, ast.JoinedStr)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments that people read; of a choice between two, both."""
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    waiting = [call.args[number] for number in MARKED.get(name, ()) if number < len(call.args)]
    while waiting:
        argument = waiting.pop()
        if isinstance(argument, ast.IfExp):
            waiting += [argument.body, argument.orelse]
        else:
            yield argument


def _pattern(node: ast.AST) -> str | None:
    """The text of a literal; of one with parts in it, a pattern with a place for each."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    text, used = "", set[str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
        elif isinstance(part, ast.FormattedValue):
            stem = name = _name(part.value)
            number = 2
            while name in used:
                name, number = f"{stem}_{number}", number + 1
            used.add(name)
            text += f"{{{name}}}"
    return text


def _name(value: ast.expr) -> str:
    """What the place of this value is called: the last name in it."""
    found = [node.id if isinstance(node, ast.Name) else node.attr for node in ast.walk(value) if isinstance(node, ast.Name | ast.Attribute)]
    own = [name.strip("_").lower() for name in found if name not in {"value", "isoformat", "replace", "join", "len", "upper", "self", "d", "days", "str"}]
    return own[0] if own and own[0] else "value"


def _letters(pattern: str) -> int:
    return sum(sign.isalpha() for part, _n, _f, _c in Formatter().parse(pattern) for sign in part)


# --- catalogues -----------------------------------------------------------------------------------------------------------


def updated(language: str, texts: dict[str, Text]) -> Catalog:
    """The catalogue of a language with exactly these texts; translations there are kept."""
    path = words.FOLDER / f"{language}.po"
    before = _read(path, language)
    after = Catalog(locale=language, header_comment=f"# treadctl in: {language}", fuzzy=False)
    for source, text in sorted(texts.items(), key=_order):
        old = before.get(source)
        kept = old.string if old is not None else ""
        comments = [MADE] if text.made else []
        flags = [flag for flag in old.flags if flag == "fuzzy"] if old is not None else []
        after.add((source, text.plural) if text.plural else source, kept, [(place, 0) for place in sorted(text.places)], flags, comments)
    return after


def _order(entry: tuple[str, Text]) -> tuple[str, str]:
    return min(entry[1].places), entry[0]


def _read(path: Path, language: str) -> Catalog:
    if not path.is_file() or not path.read_bytes().strip():
        return Catalog(locale=language)
    with path.open("rb") as source:
        return read_po(source, locale=language)


def written(catalogue: Catalog) -> bytes:
    """The file of a catalogue: no dates, no line numbers, so that it changes only with its texts."""
    out = io.BytesIO()
    write_po(out, catalogue, width=120, omit_header=False, sort_output=False, no_location=False, include_lineno=False)
    return HEAD.sub(b"", out.getvalue())


def faults(language: str, texts: dict[str, Text]) -> list[str]:
    """What is wrong with a catalogue, a line for each."""
    catalogue = _read(words.FOLDER / f"{language}.po", language)
    found = [f"{language}: not there: {source!r}" for source in texts if source not in catalogue]
    for message in catalogue:
        if not message.id:
            continue
        source = message.id[0] if isinstance(message.id, tuple | list) else message.id
        if source not in texts:
            found.append(f"{language}: no longer used: {source!r}")
        elif message.fuzzy:
            found.append(f"{language}: not sure: {source!r}")
        elif not all(_strings(message)):
            found.append(f"{language}: not translated: {source!r}")
        elif any(places(string) != places(source) for string in _strings(message)):
            found.append(f"{language}: its places differ: {source!r}")
    return found + [f"{language}: obsolete: {source!r}" for source in catalogue.obsolete]


def _strings(message: Message) -> list[str]:
    return [str(string) for string in message.string] if isinstance(message.string, tuple | list) else [str(message.string or "")]


def places(text: str) -> list[str] | None:
    """The names of the places of a text, in order of the alphabet; None where its braces do not fit."""
    try:
        return sorted(name for _text, name, _form, _how in Formatter().parse(text) if name is not None)
    except ValueError:
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 in order, 1 where `--check` found something."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.console.catalogues", description="Gather the texts and merge them into every catalogue.")
    parser.add_argument("--check", action="store_true", help="change nothing; say what is wrong")
    arguments = parser.parse_args(argv)
    texts = gathered()
    wrong: list[str] = []
    for language in words.languages()[1:]:
        if not arguments.check:
            (words.FOLDER / f"{language}.po").write_bytes(written(updated(language, texts)))
        wrong += faults(language, texts)
    sys.stdout.write("".join(f"{line}\n" for line in [*wrong, f"{len(texts)} texts, {len(wrong)} faults"]))
    return 1 if arguments.check and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
