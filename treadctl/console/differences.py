"""What two revisions differ in, line by line, each line with a sign: nothing is told by colour alone."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

AROUND: Final = 3  # lines shown around a change
SAME, ADDED, REMOVED, SKIPPED = " ", "+", "-", "…"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison: its sign, its number in the old and in the new text (None = not there), and the line. Of a skip, how many lines."""

    sign: str
    old: int | None
    new: int | None
    text: str
    count: int = 0


def compare(old: str, new: str) -> tuple[Row, ...]:
    """Old and new side by side; stretches without a change are cut short. Nothing differs: ()."""
    before, after = old.split("\n"), new.split("\n")
    if before == after:
        return ()
    head, tail = _same_ends(before, after)
    middle = difflib.SequenceMatcher(None, before[head : len(before) - tail], after[head : len(after) - tail])
    blocks: list[tuple[str, int, int, int, int]] = [("equal", 0, head, 0, head)] if head else []
    blocks += [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in middle.get_opcodes()]
    blocks += [("equal", len(before) - tail, len(before), len(after) - tail, len(after))] if tail else []
    rows: list[Row] = []
    for number, (tag, old_from, old_to, new_from, new_to) in enumerate(blocks):
        if tag == "equal":
            same = [Row(SAME, old_from + n + 1, new_from + n + 1, before[old_from + n]) for n in range(old_to - old_from)]
            rows += _cut(same, first=number == 0, last=number == len(blocks) - 1)
            continue
        rows += [Row(REMOVED, n + 1, None, before[n]) for n in range(old_from, old_to)]
        rows += [Row(ADDED, None, n + 1, after[n]) for n in range(new_from, new_to)]
    return tuple(rows)


def _same_ends(before: list[str], after: list[str]) -> tuple[int, int]:
    """How many lines are the same at the beginning and at the end: what is left is compared, and is small as a rule."""
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    tail = next((n for n in range(shorter - head) if before[-1 - n] != after[-1 - n]), shorter - head)
    return head, tail


def _cut(same: list[Row], *, first: bool, last: bool) -> list[Row]:
    begin, end = (0 if first else AROUND), (0 if last else AROUND)
    left_out = len(same) - begin - end
    if left_out <= 1:
        return same
    return [*same[:begin], Row(SKIPPED, None, None, "", left_out), *same[len(same) - end :]]
