"""A short profile that may be prescribed for anybody, and what it is with one place changed."""

from __future__ import annotations

SHORT = """format = 1
name = "short"
title = "Short"
for_whom = "Anybody."
facing = "console"
direction = "reverse"
requires = ["attendant"]

[[sources]]
cite = "Clinic"
says = "By judgement."
mark = "derived"

[[warm_up]]
kind = "floor"
label = "Ankles"
minutes = 1

[[warm_up]]
label = "Step on"
minutes = 2
speed_kmh = 0.8

[[main]]
label = "Walk"
minutes = 5
speed_kmh = 1.0  # as slow as it gets

[[cool_down]]
label = "Slower"
minutes = 2
speed_kmh = 0.8

[[cool_down]]
kind = "floor"
label = "Stretch"
minutes = 1
"""


def changed(old: str, new: str) -> str:
    assert SHORT.count(old) == 1
    return SHORT.replace(old, new)
