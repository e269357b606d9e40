"""Right-to-left text for a canvas that only knows left to right: letters joined, runs turned round. A plain form of the Unicode algorithm, no nesting."""

from __future__ import annotations

import unicodedata
from typing import Final

RIGHT: Final = frozenset({"R", "AL"})
LEFT: Final = frozenset({"L"})
NUMBERS: Final = frozenset({"EN", "AN"})
MIRRORED: Final = str.maketrans("()[]{}<>«»", ")(][}{><»«")
TATWEEL: Final = "\u0640"


def visual(text: str) -> str:
    """The characters of one line from left to right as they are to be drawn. Text without right-to-left letters comes back as it is."""
    if not any(unicodedata.bidirectional(character) in RIGHT for character in text):
        return text
    joined = _joined(text)
    levels = _levels(joined)
    out: list[str] = []
    start = 0
    for index in range(1, len(joined) + 1):
        if index == len(joined) or levels[index] != levels[start]:
            run = joined[start:index]
            out.append(_turned(run) if levels[start] else run)
            start = index
    if _base_is_right(joined):
        out.reverse()
    return "".join(out)


def _base_is_right(text: str) -> bool:
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in LEFT or kind in RIGHT:
            return kind in RIGHT
    return False


def _levels(text: str) -> list[bool]:
    """Whether each character belongs to a right-to-left run. Neutral ones follow their neighbours where these agree, else the whole line."""
    base = _base_is_right(text)
    strong: list[bool | None] = []
    for character in text:
        kind = unicodedata.bidirectional(character)
        strong.append(True if kind in RIGHT else False if kind in LEFT else None)
    before: list[bool] = []
    last = base
    for known in strong:
        last = last if known is None else known
        before.append(last)
    after = [base] * len(text)
    last = base
    for index in range(len(text) - 1, -1, -1):
        known = strong[index]
        last = last if known is None else known
        after[index] = last
    levels = [b if b == a else base for b, a in zip(before, after, strict=True)]
    opened: list[int] = []
    for index, character in enumerate(text):
        if character in "([{":
            opened.append(index)
        elif character in ")]}" and opened:
            start = opened.pop()  # a pair of brackets goes one way
            inside = {known for known in strong[start:index] if known is not None}
            levels[start] = levels[index] = levels[start] if inside <= {levels[start]} else base
    return levels


def _turned(run: str) -> str:
    """A right-to-left run for drawing: reversed, numbers kept, brackets mirrored, marks left behind their letter."""
    pieces: list[str] = []
    in_number = False
    for character in run:
        digit = unicodedata.bidirectional(character) in NUMBERS
        if pieces and ((digit and in_number) or unicodedata.combining(character)):
            pieces[-1] += character
        else:
            pieces.append(character if digit else character.translate(MIRRORED))
            in_number = digit
    return "".join(reversed(pieces))


def _forms() -> tuple[dict[tuple[str, str], str], frozenset[str], frozenset[str]]:
    """The presentation forms of Arabic by (form, letters), the letters that join to both sides, and those that join to the one before only."""
    forms: dict[tuple[str, str], str] = {}
    for code in (*range(0xFB50, 0xFDFC), *range(0xFE70, 0xFEFD)):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) >= 2 and parts[0] in {"<isolated>", "<initial>", "<medial>", "<final>"}:
            letters = "".join(chr(int(part, 16)) for part in parts[1:])
            if len(letters) == 1 or letters[:1] == "\u0644":
                forms.setdefault((parts[0][1:-1], letters), chr(code))
    both = frozenset(letters for form, letters in forms if form == "initial" and len(letters) == 1)
    final = frozenset(letters for form, letters in forms if form == "final" and len(letters) == 1)
    return forms, both, final - both


_FORMS, _BOTH, _BEFORE_ONLY = _forms()


def _joined(text: str) -> str:
    """Arabic letters in the form their neighbours ask for, lam with alef as one; other text as it is."""
    letters = [character for character in text if not unicodedata.combining(character) or character not in "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"]
    out: list[str] = []
    index = 0
    joins_on = False  # whether the letter before reaches toward this one
    while index < len(letters):
        letter = letters[index]
        if letter not in _BOTH and letter not in _BEFORE_ONLY and letter != TATWEEL:
            joins_on = False
            out.append(_FORMS.get(("isolated", letter), letter))
            index += 1
            continue
        pair = letter + letters[index + 1] if index + 1 < len(letters) else ""
        if (("final" if joins_on else "isolated"), pair) in _FORMS and pair[1:] in "\u0622\u0623\u0625\u0627":
            out.append(_FORMS[("final" if joins_on else "isolated", pair)])
            index += 2
            joins_on = False
            continue
        following = letters[index + 1] if index + 1 < len(letters) else ""
        joins_next = (letter in _BOTH or letter == TATWEEL) and (following in _BOTH or following in _BEFORE_ONLY or following == TATWEEL)
        form = {(True, True): "medial", (True, False): "final", (False, True): "initial", (False, False): "isolated"}[joins_on, joins_next]
        out.append(_FORMS.get((form, letter), letter))
        joins_on = joins_next
        index += 1
    return "".join(out)
