"""What two popular-health articles on reverse running state, in our words, and what answers it here; `docs/reference/sources.md` is printed from it.

Rules and claims name their statements themselves; this table adds causes of the interlock, files, and the tests that show the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from treadctl.prescription.rules import ROWS, Row

RULES: Final = "tests/prescription/test_rules.py::"
CLAIMED: Final = "tests/prescription/test_claims.py::"
ENERGY: Final = "tests/prescription/test_energy.py::"
PROGRESS: Final = "tests/prescription/test_progress.py::"
SHIPPED: Final = "tests/prescription/test_shipped.py::"
SESSION: Final = "tests/core/test_session.py::"
CAUSES: Final = "tests/core/test_rows.py::test_row_acts"
ALONE: Final = f"{RULES}test_a_refusal_comes_from_its_row_alone_and_vanishes_with_it"
NARROWS: Final = f"{RULES}test_a_limit_comes_from_its_row_and_widens_without_it"
ASKED: Final = f"{RULES}test_the_questions_of_a_row_are_put_into_the_program_and_go_with_it"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `kind`: claim, rule or use (something shipped). `tests` are `file::name`, `files` paths in the project, `causes` rows of the interlock.

    `pages` are pictures of the pages where a user meets it, by their names in `docs/images/console`.
    """

    id: str
    kind: str
    says: str
    tests: tuple[str, ...]
    files: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()

    def rules(self, rows: Sequence[Row] = ROWS) -> tuple[str, ...]:
        """The ids of the rules that answer it."""
        return tuple(row.id for row in rows if self.id in row.articles)


_ENERGY_FILE, _PROFILES = "treadctl/prescription/energy.py", "profiles/"
_HISTORY, _PROGRESS_FILE = "treadctl/prescription/history.py", "treadctl/prescription/progress.py"

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        "A1",
        "claim",
        "running burns energy and trains heart, back and trunk",
        (f"{ENERGY}test_kcal_are_litres_times_five_over_the_time_that_could_be_judged", f"{ENERGY}test_there_is_never_one_number"),
        (_ENERGY_FILE,),
    ),
    Statement(
        "A2",
        "claim",
        "a multiple of the benefit of forward running, and better breathing",
        (f"{CLAIMED}test_the_unsupported_promise_stands_nowhere", f"{ENERGY}test_measured_ratios_lie_in_the_ratios_used"),
        (_ENERGY_FILE,),
    ),
    Statement(
        "A3",
        "use",
        "boxers warm up by running backward",
        (f"{SHIPPED}test_profiles_and_machines_are_shipped", f"{SHIPPED}test_each_shipped_profile_fits_the_reference_and_has_the_name_of_its_file"),
        (f"{_PROFILES}athlete-warm-up.toml",),
        pages=("desk-protocols",),
    ),
    Statement(
        "A4",
        "claim",
        "other muscles lead than forward, less pressure at the knee, better posture and balance",
        (
            f"{RULES}test_a_claim_is_told_to_whom_it_concerns_and_goes_with_its_row",
            f"{CLAIMED}test_the_knee_is_promised_to_some_only_and_the_energy_as_a_ratio_that_was_measured",
        ),
        (f"{_PROFILES}knee-oa-retro-walk.toml", f"{_PROFILES}first-session.toml"),
        pages=("desk-person",),
    ),
    Statement(
        "A5",
        "claim",
        "experts disagree about the calories",
        (f"{ENERGY}test_there_is_never_one_number", f"{ENERGY}test_what_others_measured_lies_in_the_range"),
        (_ENERGY_FILE,),
    ),
    Statement(
        "A6",
        "use",
        "a physician who went backward for years fell less often and reacted quicker",
        ("tests/prescription/test_history.py::test_every_session_is_counted_and_the_last_ones_are_carried_in_order",),
        (_HISTORY, "treadctl/records/model.py"),
        pages=("desk-person",),
    ),
    Statement(
        "A7",
        "rule",
        "safety first, above all for older people: open space, somebody beside",
        (ALONE, NARROWS, f"{SESSION}test_start_is_refused_without_the_attendants_checklist"),
        causes=("attendant_released",),
        pages=("kiosk-walk",),
    ),
    Statement(
        "B1",
        "rule",
        "balance is trained, and falls are the risk",
        (CAUSES, "tests/docs/test_evidence.py::test_every_cause_is_shown_on_the_simulated_treadmill"),
        causes=("imbalance", "unsteady", "fallen", "person_down"),
        pages=("kiosk-stopped",),
    ),
    Statement("B2", "rule", "less load at the knee, more at the ankle", (ASKED, NARROWS, CAUSES), causes=("pain",), pages=("kiosk-question",)),
    Statement(
        "B3",
        "claim",
        "muscles of buttocks and the back of the legs; evens out imbalance",
        (f"{CLAIMED}test_a_claim_comes_with_evidence_and_a_place",),
        (f"{_PROFILES}athlete-warm-up.toml", f"{_PROFILES}first-session.toml"),
    ),
    Statement(
        "B4",
        "use",
        "shorter strides and less impact suit mild trouble of the knee",
        (f"{SHIPPED}test_the_knee_profile_has_the_published_dose_and_says_that_its_speeds_are_ours", NARROWS, ASKED),
        (f"{_PROFILES}knee-oa-retro-walk.toml",),
        pages=("desk-protocols", "desk-prescription"),
    ),
    Statement(
        "B5",
        "rule",
        "dizziness and wrong directions at first",
        (
            f"{RULES}test_a_newcomer_is_asked_about_dizziness_and_pain_at_each_stage_and_once_more_at_the_end",
            f"{RULES}test_a_mini_ramp_rises_little_and_holds_each_step",
            f"{SHIPPED}test_the_first_session_is_as_gentle_as_it_says",
        ),
        (f"{_PROFILES}first-session.toml",),
        ("dizziness",),
        pages=("kiosk-question",),
    ),
    Statement(
        "B6",
        "rule",
        "uneven ground and what is not seen sprain ankles",
        (NARROWS, "tests/core/test_grade.py::test_the_grade_is_approached_at_the_limit_and_met"),
    ),
    Statement(
        "B7",
        "claim and rule",
        "the heart works as hard, energy a little more; minding one's balance disturbs breathing",
        (
            ASKED,
            f"{RULES}test_the_heart_rate_ceiling_is_below_the_one_forward_and_a_clinicians_lower_one_wins",
            f"{RULES}test_a_beta_blocker_disables_the_ceiling_from_age_says_so_and_lowers_the_exertion_instead",
        ),
        causes=("heart_rate", "breathing", "exertion"),
        pages=("kiosk-question", "desk-session"),
    ),
    Statement(
        "B8",
        "rule",
        "begin slow and short",
        (
            NARROWS,
            f"{RULES}test_after_an_event_the_belt_goes_no_faster_until_a_session_without_one",
            f"{PROGRESS}test_two_sessions_in_a_row_without_an_event_lead_up_by_the_profiles_step",
            f"{PROGRESS}test_a_session_that_went_badly_leads_down_by_a_step",
        ),
        (_PROGRESS_FILE,),
        pages=("desk-person",),
    ),
    Statement("B9", "rule", "caution with the lower back", (ALONE, f"{RULES}test_the_lower_back_stays_slow_and_level_when_a_clinician_lets_the_person_start")),
    Statement(
        "B10",
        "rule",
        "an open, safe place, shoes that support, at first a wall or somebody to hold",
        (f"{RULES}test_hands_come_off_by_measure_only", f"{SESSION}test_start_is_refused_without_the_attendants_checklist"),
        pages=("kiosk-walk",),
    ),
    Statement(
        "B11",
        "rule",
        "loosen hips and ankles before and after; at most half of the usual time",
        (ALONE, NARROWS, f"{SHIPPED}test_each_prescribed_profile_loosens_hips_and_ankles_before_and_after"),
        causes=("time_cap",),
        pages=("desk-prescription",),
    ),
    Statement(
        "B12",
        "rule",
        "a supplement, at most twice a week",
        (
            ALONE,
            f"{RULES}test_the_week_is_counted_from_the_days_of_the_sessions_too",
            f"{RULES}test_a_refusal_set_aside_is_shown_with_the_name_and_forbids_nothing",
        ),
        (_HISTORY,),
        ("weekly_cap",),
        pages=("kiosk-not-today",),
    ),
    Statement(
        "B13",
        "rule",
        "not with severe osteoporosis or a disorder of the sense of balance",
        (
            ALONE,
            f"{RULES}test_an_override_is_taken_from_the_right_role_and_refused_from_any_other",
            "tests/daemon/test_desk.py::test_what_the_screening_forbids_blocks_the_start",
        ),
        pages=("kiosk-screening", "desk-screening"),
    ),
)
