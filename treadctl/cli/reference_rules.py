"""The reference pages of the prescription's rules: the table itself, and what answers each statement of the two source articles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from treadctl.core.interlock import INDEX
from treadctl.core.interlock import ROWS as CAUSES
from treadctl.prescription.claims import CLAIMS, Claim
from treadctl.prescription.rules import Kind, Row, Stage
from treadctl.prescription.sources import Statement

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]
KINDS: Final = {
    Kind.REFUSE: "forbids the start, with this sentence",
    Kind.LIMIT: "lowers a limit of the session; the belt stays below it, and a program beyond it is refused",
    Kind.ASK: "staff read the sentence; the questions named are put into the program",
    Kind.CLAIM: "may be read by those it concerns, with its evidence",
}
STAGES: Final = {Stage.NONE: "", Stage.EACH: "at each stage of the main block and at the end", Stage.END: "at the last stage of the main block"}


def rules_page(rows: Sequence[Row], hint: str, table: Table) -> str:
    """The rules: every row, who may set it aside, and where it comes from."""
    summary = [(row.id, f"`{row.rule.value}`", row.kind.value, row.sentence, _decides(row)) for row in rows]
    details = [(row.id, _first_line(row.predicate.__doc__), _questions(row), _statements(row.articles), row.reference) for row in rows]
    return "\n".join(
        (
            "# The rules of prescription",
            hint,
            "Source: `ROWS` in [`treadctl/prescription/rules.py`](../../treadctl/prescription/rules.py); the numbers stand in",
            "[`defaults.py`](../../treadctl/prescription/defaults.py). Preflight, the caps of a session and the questions in a program come from this table",
            "and from nowhere else. All numbers are defaults.",
            "",
            "Whoever sets a rule aside is named with role and reason in the person file (`[[overrides]]`), and in the record of the session.",
            "A figure that is not known, or is not a number, never permits more than a known one would at its best; where something is not known at all,",
            "staff are told to ask.",
            "",
            *(f"- `{kind.value}`: {words}." for kind, words in KINDS.items()),
            "",
            f"## The {len(rows)} rows",
            table(("", "rule", "kind", "what staff read", "set aside by"), summary),
            "## When each applies, and where it comes from",
            "`read`, `measured`, `derived` and `unverified` as on the [first page](../README.md#how-certain-is-a-number); statements are those of",
            "[the two articles](sources.md).",
            "",
            table(("", "applies when", "asks", "statements", "source of the number"), details),
        )
    )


def sources_page(statements: Sequence[Statement], hint: str, table: Table) -> str:
    """Each statement of the two articles: what users may read instead, and what enforces and shows it."""
    claims = {entry.id: entry for entry in CLAIMS}
    answers = [(s.id, s.kind, s.says, _rules(s), _causes(s), "<br>".join(_link(path) for path in s.files), _pages(s)) for s in statements]
    read = [_claim_row(claims[s.id]) for s in statements]
    shown = [(s.id, "<br>".join(_link(*test.split("::")) for test in s.tests)) for s in statements]
    return "\n".join(
        (
            "# What the two articles say, and what answers it",
            hint,
            "Source: `STATEMENTS` in [`treadctl/prescription/sources.py`](../../treadctl/prescription/sources.py) and `CLAIMS` in",
            "[`claims.py`](../../treadctl/prescription/claims.py).",
            "",
            "Two popular-health articles on reverse running are the starting point of the project. Each statement is answered by a rule, by something",
            "shipped, or by a sentence that users may read with its evidence. What no source supports is not repeated.",
            "",
            table(("", "kind", "the articles say", "rules", "causes of the interlock", "files", "pages of the console"), answers),
            "## What users may read",
            table(("", "sentence", "evidence", "shown in"), read),
            "## Tests that show it",
            table(("", "tests"), shown),
        )
    )


def _decides(row: Row) -> str:
    """Who may set it aside; a question or a claim is not set aside."""
    return row.authority.value if row.kind in {Kind.REFUSE, Kind.LIMIT} else ""


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def _questions(row: Row) -> str:
    return f"{', '.join(kind.value for kind in row.asks)} {STAGES[row.stage]}" if row.asks else ""


def _statements(ids: Sequence[str]) -> str:
    return ", ".join(ids)


def _rules(statement: Statement) -> str:
    return ", ".join(f"[{row_id}](rules.md)" for row_id in statement.rules())


def _causes(statement: Statement) -> str:
    return ", ".join(f"[{CAUSES[INDEX[cause]].requirement}](interlock.md) `{cause}`" for cause in statement.causes)


def _pages(statement: Statement) -> str:
    return ", ".join(f"[{page}](../images/console/{page}.png)" for page in statement.pages)


def _claim_row(entry: Claim) -> tuple[str, str, str, str]:
    return entry.id, entry.sentence, entry.evidence, entry.shown


def _link(path: str, name: str = "") -> str:
    shown = f"{path.rsplit('/', 1)[-1]}::{name}" if name else path
    return f"[`{shown}`](../../{path})"
