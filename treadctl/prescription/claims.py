"""What users may read about going backward: one sentence for each statement of the two source articles, with its evidence and where it is shown.

Marks as everywhere: read (often the abstract only), measured, derived, unverified. What no source supports is not repeated here, not even to deny it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence. `evidence` says who found it, on whom, and how sure it is; `shown` where people meet it."""

    id: str
    sentence: str
    evidence: str
    shown: str


CLAIMS: Final[tuple[Claim, ...]] = (
    Claim(
        "A1",
        "Going backward takes energy and works heart, legs and trunk; how much energy is given gross and net, each as a range.",
        "read: oxygen uptake and heart rate higher than forward at equal speed (Flynn 1994, Chaloupka 1997, Kim & Choi 2001)",
        "the energy estimate",
    ),
    Claim(
        "A2",
        "At equal speed the part above rest costs about 1.3 to 1.6 times as much as forward; measured in small groups of healthy adults.",
        "read: 5 km/h, 20 men, 1.62 times net (Kim & Choi 2001; net derived); 3.0 m/s, four men, 35 ± 6 % more (Wright & Weyand 2001). "
        "Breathing efficiency: no source found",
        "the energy estimate",
    ),
    Claim(
        "A3",
        "Some boxers warm up by going backward; a short profile for it is shipped. That it trains balance has not been shown for this profile.",
        "read in the articles only; no study of it was found",
        "the profile athlete-warm-up",
    ),
    Claim(
        "A4",
        "In backward running the load behind the kneecap is about a quarter lower at equal speed, not in everyone; for walking no difference has been shown.",
        "read: Roos 2012, 20 runners, 3.4 ± 1.4 against 4.5 ± 1.5 times body weight, not in all; a study of seven walkers found no difference",
        "preflight, for people with a troubled knee; notes of the knee profile",
    ),
    Claim(
        "A5",
        "How much energy going backward takes differs from person to person by a third and more: a range is shown, never one number.",
        "derived: the forward measure of Kim & Choi 2001 is itself 35 % above the usual equation",
        "the energy estimate",
    ),
    Claim(
        "A6",
        "Balance and reaction can be followed over the sessions by measure; one person's story is no proof that they improve.",
        "read in the articles: one physician; the measures used are hold on the rails, events, cadence, 3-m backward walk and a confidence scale",
        "the trends of a person",
    ),
    Claim(
        "A7",
        "Safety first, above all for older people: somebody stands beside, and the space behind is clear.",
        "read in the articles",
        "the checklist before the start",
    ),
    Claim(
        "B1",
        "Going backward asks more of balance, and a fall is the risk: the belt watches for it, and cannot prevent it.",
        "read in the articles",
        "preflight; SAFETY",
    ),
    Claim(
        "B2",
        "The ankle takes over what the knee is spared: say when it hurts.",
        "read in the articles; larger work at the ankle is unverified",
        "the questions of a session",
    ),
    Claim(
        "B3",
        "Calves, buttocks and the back of the thigh do more of the work than forward; left and right are compared in the rails' load and the steps.",
        "read in the articles; the only small study of muscle activity at hand found no significant change in walking",
        "notes of the profiles",
    ),
    Claim(
        "B4",
        "Backward walking three times a week for six weeks, besides usual care, lowered knee pain a little more than usual care alone.",
        "read: Alghadir 2019, osteoarthritis of the knee, -1.8 against -1.0 of 10 points",
        "the profile knee-oa-retro-walk",
    ),
    Claim(
        "B5",
        "Some dizziness and wrong steps are to be expected at first: say so when asked.",
        "read in the articles",
        "the questions of a session; notes of the first profile",
    ),
    Claim("B6", "Begin level: uneven or steep ground, and not seeing where one goes, sprain ankles.", "read in the articles", "preflight"),
    Claim(
        "B7",
        "The heart works harder than forward at the same speed, and watching one's balance can disturb breathing: both are asked about.",
        "read: 84 against 62 % of the highest heart rate at 5 km/h in young men (Kim & Choi 2001); breathing read in the articles only",
        "the questions of a session; the ceiling of heart rate",
    ),
    Claim(
        "B8",
        "Begin slow and short, and go on to the next step only after sessions without an event.",
        "read in the articles; the steps are our default",
        "the proposal of the next step",
    ),
    Claim("B9", "With trouble of the lower back a clinician decides first.", "read in the articles", "preflight"),
    Claim(
        "B10",
        "Wear shoes that support, keep hold of the rails at first, and let go when the record shows a light hold.",
        "read in the articles; light hold below 5 % of body weight (Hinton)",
        "preflight",
    ),
    Claim(
        "B11",
        "Loosen hips and ankles before and after, and stay within half of the usual training time.",
        "read in the articles",
        "warm-up and cool-down; preflight",
    ),
    Claim(
        "B12",
        "A supplement to other training: at most twice a week unless a clinician decides otherwise.",
        "read in the articles; published trials used three a week",
        "preflight",
    ),
    Claim("B13", "With severe osteoporosis or a disorder of the sense of balance: do not.", "read in the articles", "the screening questions"),
)
_BY_ID: Final = {entry.id: entry for entry in CLAIMS}


def claim(id: str) -> Claim:
    """The claim of that row of the articles. KeyError where there is none."""
    return _BY_ID[id]
