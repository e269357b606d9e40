from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from treadctl.core.program import Block, Hands
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Direction
from treadctl.errors import TreadctlError
from treadctl.prescription import REFERENCE, Profile, compile_program, load_profile, profile_sha256

Read = Callable[..., Profile]
Refusal = Callable[..., TreadctlError]


def test_a_profile_compiles_to_its_segments_in_order(profile: Read) -> None:
    program = compile_program(profile(), REFERENCE.limits)
    assert [(s.block, s.label, s.duration_s, round(s.speed_mps, 6)) for s in program.segments] == [
        (Block.WARM_UP, "Ankles", 60.0, 0.0),
        (Block.WARM_UP, "Walk in", 30.0, 0.25),
        (Block.MAIN, "Walk", 120.0, 0.5),
        (Block.MAIN, "Stair (1 of 3)", 60.0, 0.5),
        (Block.MAIN, "Stair (2 of 3)", 60.0, round(2.1 / 3.6, 6)),
        (Block.MAIN, "Stair (3 of 3)", 60.0, round(2.4 / 3.6, 6)),
        (Block.COOL_DOWN, "Walk out", 60.0, 0.25),
        (Block.COOL_DOWN, "Hips", 40.0, 0.0),
    ]
    assert {s.direction for s in program.segments} == {Direction.REVERSE}
    assert program.facing.value == "console"


def test_hands_are_on_unless_the_profile_says_otherwise(profile: Read) -> None:
    segments = compile_program(profile(), REFERENCE.limits).segments
    assert segments[1].hands is Hands.ON
    assert segments[2].hands is Hands.FREE


def test_every_step_of_a_stair_asks(profile: Read) -> None:
    segments = compile_program(profile(), REFERENCE.limits).segments
    assert [s.prompts for s in segments[3:6]] == [(PromptKind.RPE, PromptKind.DIZZINESS)] * 3


def test_a_floor_block_stands_still_keeps_its_timer_and_wants_no_hands(profile: Read) -> None:
    ankles = compile_program(profile(), REFERENCE.limits).segments[0]
    assert (ankles.speed_mps, ankles.duration_s, ankles.hands) == (0.0, 60.0, Hands.FREE)


def test_a_stair_may_go_down_and_be_written_in_metres_per_second(profile: Read) -> None:
    read = profile(("from_kmh = 1.8, to_kmh = 2.4, by_kmh = 0.3", "from_mps = 0.6, to_mps = 0.2, by_mps = 0.2"))
    speeds = [s.speed_mps for s in compile_program(read, REFERENCE.limits).segments[3:6]]
    assert speeds == pytest.approx([0.6, 0.4, 0.2])


def test_rounds_repeat_their_parts_in_turn(profile: Read) -> None:
    rounds = """[[main]]
kind = "rounds"
label = "Turns"
repeat = 2
[[main.parts]]
label = "A"
seconds = 30
speed_mps = 0.6
[[main.parts]]
label = "B"
seconds = 30
speed_mps = 0.4
[[cool_down]]"""
    labels = [s.label for s in compile_program(profile(("[[cool_down]]", rounds)), REFERENCE.limits).segments]
    assert labels[6:10] == ["A [1/2]", "B [1/2]", "A [2/2]", "B [2/2]"]


def test_an_entry_may_turn_the_belt_the_other_way(profile: Read) -> None:
    read = profile(("speed_kmh = 0.9\nprompts", 'speed_kmh = 0.9\ndirection = "forward"\nprompts'))
    assert [s.direction.value for s in compile_program(read, REFERENCE.limits).segments[:3]] == ["reverse", "forward", "reverse"]


def test_the_hash_follows_the_meaning_and_not_the_spelling(profile: Read) -> None:
    plain = profile_sha256(profile())
    assert profile_sha256(profile(('label = "Walk in"\nseconds = 30', '# a comment\nseconds = 30.0\nlabel = "Walk in"'))) == plain
    assert profile_sha256(profile(("speed_mps = 0.5", "speed_mps = 0.51"))) != plain
    assert compile_program(profile(), REFERENCE.limits).profile_sha256 == plain
    assert len(plain) == 64


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "words"),
    [
        ("speed_mps = 0.5", "speed_mph = 1.0", "TC105", "main[1] > speed_mph", "speed_kmh = 1.60934"),
        ("speed_mps = 0.5", "speed = 0.5", "TC105", "main[1] > speed", "speed_kmh is wanted here"),
        ("speed_mps = 0.5", 'speed_mps = "0.5 m/s"', "TC105", "main[1] > speed_mps", "plain number in m/s"),
        ("speed_mps = 0.5", "speed_mps = nan", "TC104", "main[1] > speed_mps", "nan"),
        ("speed_mps = 0.5", "speed_mps = -0.5", "TC104", "main[1] > speed_mps", "greater than 0"),
        ("speed_mps = 0.5", "speed_mps = 0.5\nspeed_kmh = 1.8", "TC121", "main[1]", "only one of speed_kmh, speed_mps, steps"),
        ("speed_mps = 0.5\n", "", "TC121", "main[1]", "needs one of speed_kmh, speed_mps, steps"),
        ("minutes = 2\n", "", "TC121", "main[1]", "needs one of minutes, seconds"),
        ("minutes = 2\n", "minutes = 2\nseconds = 3\n", "TC121", "main[1] > seconds", "minutes is already there"),
        ("to_kmh = 2.4", "to_kmh = 2.5", "TC121", "main[2] > steps", "do not meet 2.5"),
        ("to_kmh = 2.4", "to_mps = 0.7", "TC121", "main[2] > steps", "one unit"),
        ("to_kmh = 2.4", "to_kmh = 2.4, by_kmh_ = 1", "TC102", "main[2] > steps > by_kmh_", "did you mean by_kmh?"),
        ('label = "Stair"', 'label = "Stair"\nminutes = 1', "TC121", "main[2] > steps", "hold_s"),
        ('hands = "free"', 'hands = "maybe"', "TC104", "main[1] > hands", "'on', 'free' or 'off'"),
        ('hands = "free"', 'hand = "free"', "TC102", "main[1] > hand", "did you mean hands?"),
        ('prompts = ["rpe"]', 'prompts = ["mood"]', "TC104", "warm_up[2] > prompts[1]", "rpe"),
        ('kind = "floor"', 'kind = "swim"', "TC104", "warm_up[1]", "'belt', 'floor', 'rounds'"),
        ('label = "Ankles"', 'label = "Ankles"\nspeed_kmh = 1', "TC102", "warm_up[1] > speed_kmh", "known here"),
        ('facing = "console"\n', "", "TC103", "facing", "where the person looks"),
        ('mark = "derived"', 'mark = "sure"', "TC104", "sources[1] > mark", "unverified"),
        ('[[sources]]\ncite = "nobody"\nsays = "nothing"\nmark = "derived"\n', "", "TC103", "sources", "where its numbers come from"),
        (
            'label = "Walk in"\nseconds = 30\nspeed_kmh = 0.9\nprompts',
            'kind = "floor"\nlabel = "More"\nseconds = 30\nprompts',
            "TC121",
            "warm_up",
            "learnt there",
        ),
        ("format = 1", "format = 3", "TC111", "format", "newer"),
    ],
)
def test_a_bad_profile_is_one_numbered_error_with_its_place(refusal: Refusal, old: str, new: str, code: str, place: str, words: str) -> None:
    error = refusal((old, new))
    assert error.kind.code == code, str(error)
    assert f"sample.toml > {place}" in error.place
    assert words in str(error)


def test_yaml_and_json_profiles_are_refused(refusal: Refusal, tmp_path: Path) -> None:
    assert refusal(name="sample.yaml").kind.code == "TC110"
    path = tmp_path / "sample.json"
    path.write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(TreadctlError, match="JSON is not accepted") as caught:
        load_profile(path)
    assert caught.value.kind.code == "TC101"


def test_too_many_segments_are_refused_before_they_are_written_out(refusal: Refusal) -> None:
    assert refusal(("to_kmh = 2.4, by_kmh = 0.3", "to_kmh = 2.4, by_kmh = 0.0001")).kind.code == "TC121"
