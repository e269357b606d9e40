from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from treadctl.errors import TreadctlError
from treadctl.prescription import Profile, load_profile

sys.path.insert(0, str(Path(__file__).parent))

PROFILE = """
format = 1
name = "sample"
title = "Sample"
for_whom = "Tests"
facing = "console"
direction = "reverse"
[[sources]]
cite = "nobody"
says = "nothing"
mark = "derived"
[[warm_up]]
kind = "floor"
label = "Ankles"
minutes = 1
[[warm_up]]
label = "Walk in"
seconds = 30
speed_kmh = 0.9
prompts = ["rpe"]
[[main]]
label = "Walk"
minutes = 2
speed_mps = 0.5
hands = "free"
[[main]]
label = "Stair"
steps = { from_kmh = 1.8, to_kmh = 2.4, by_kmh = 0.3, hold_s = 60 }
prompts = ["rpe", "dizziness"]
[[cool_down]]
label = "Walk out"
seconds = 60
speed_kmh = 0.9
[[cool_down]]
kind = "floor"
label = "Hips"
seconds = 40
"""
Change = tuple[str, str]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """The sample profile as a file, after replacing parts of its text; a replacement that does not occur is a mistake of the test."""

    def written(*changes: Change, name: str = "sample.toml") -> Path:
        text = PROFILE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def profile(write: Callable[..., Path]) -> Callable[..., Profile]:
    def read(*changes: Change) -> Profile:
        return load_profile(write(*changes))

    return read


@pytest.fixture
def refusal(write: Callable[..., Path]) -> Callable[..., TreadctlError]:
    def refused(*changes: Change, name: str = "sample.toml") -> TreadctlError:
        with pytest.raises(TreadctlError) as caught:
            load_profile(write(*changes, name=name))
        return caught.value

    return refused
