"""Prompts: what the person is asked during a session, and the answers on their published scales."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PromptKind(StrEnum):
    """What the person is asked during a session."""

    RPE = "rpe"  # Borg 6-20
    DIZZINESS = "dizziness"  # 0-10
    PAIN = "pain"  # NRS 0-10
    BREATHING = "breathing"  # 0-10


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a prompt, on the scale of its kind."""

    prompt: PromptKind
    score: float
