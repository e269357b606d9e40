"""Drawing a plan: speed over time with the band the belt may be in, grade, limits, and in the title where the person faces. Needs matplotlib."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from treadctl.core.program import Block
from treadctl.core.units import kmh_from_mps
from treadctl.errors import TreadctlError
from treadctl.prescription.plan import Plan, backward_gait

SUFFIXES: Final = frozenset({".svg", ".png"})
BAND_MPS: Final = 0.15
"""Half width of the band, m/s, at low speed; from 1 m/s on it is 15 %. It is where the interlock says that the belt does not follow the command."""
_COLOURS: Final = {Block.WARM_UP: "#f2d16b", Block.MAIN: "#7fb2d9", Block.COOL_DOWN: "#a8d5a2"}


def speed_points(plan: Plan) -> tuple[list[float], list[float]]:
    """The corners of the planned speed: times in s and speeds in m/s, both ends of every ramp and every stretch."""
    times_s, speeds_mps = [0.0], [0.0]

    def add(time_s: float, speed_mps: float) -> None:
        if (time_s, speed_mps) != (times_s[-1], speeds_mps[-1]):
            times_s.append(time_s)
            speeds_mps.append(speed_mps)

    for row in plan.rows:
        begin_s = row.starts_s + row.waits_s
        add(begin_s, row.from_mps)
        add(begin_s + row.ramp_s, row.segment.speed_mps)
        add(row.ends_s, row.segment.speed_mps)
    add(plan.total_s, 0.0)
    return times_s, speeds_mps


def title_of(plan: Plan) -> str:
    """The title: profile, gait, direction, facing."""
    profile = plan.profile
    gait = "backward gait" if backward_gait(profile) else "forward gait"
    return f"{profile.title}\n{gait}: belt {profile.direction.value}, facing {profile.facing.value}; machine {plan.frame.name}"


def plot_plan(plan: Plan, out: Path) -> None:
    """Write the plan as SVG or PNG, by the suffix of `out`. TC104 for another suffix or where matplotlib is missing, TC100 where it cannot be written."""
    if out.suffix.lower() not in SUFFIXES:
        raise TreadctlError("bad_value", str(out), "a plot is written as .svg or .png")
    if find_spec("matplotlib") is None:
        raise TreadctlError("bad_value", str(out), "drawing needs matplotlib, which is not installed: pip install 'treadctl[plot]'")
    from matplotlib import rc_context  # noqa: PLC0415  an optional extra, and heavy: loaded only to draw
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    speed_axes, grade_axes = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    _draw_speed(speed_axes, plan)
    _draw_grade(grade_axes, plan)
    figure.suptitle(title_of(plan), fontsize=11)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    metadata = {"Date": None} if out.suffix.lower() == ".svg" else {}
    try:
        with rc_context({"svg.hashsalt": "treadctl", "svg.fonttype": "none"}):
            figure.savefig(out, metadata=metadata)
    except OSError as error:
        raise TreadctlError("file_missing", str(out), f"cannot be written: {error.strerror}") from error


def _draw_speed(axes: Any, plan: Plan) -> None:  # noqa: ANN401  matplotlib brings no types
    times_s, speeds_mps = speed_points(plan)
    minutes = [time_s / 60.0 for time_s in times_s]
    kmh = [kmh_from_mps(speed) for speed in speeds_mps]
    half = [kmh_from_mps(max(BAND_MPS, 0.15 * speed)) if speed > 0.0 else 0.0 for speed in speeds_mps]
    for row in plan.rows:
        axes.axvspan(row.starts_s / 60.0, row.ends_s / 60.0, color=_COLOURS[row.segment.block], alpha=0.18, linewidth=0.0)
    axes.fill_between(minutes, [max(0.0, k - h) for k, h in zip(kmh, half, strict=True)], [k + h for k, h in zip(kmh, half, strict=True)], alpha=0.3)
    axes.plot(minutes, kmh, color="#14466b", label="planned speed, with the band it must stay in")
    for margin in plan.margins:
        if margin.name.startswith("max_speed"):
            direction = margin.name.split("_")[2]
            axes.axhline(kmh_from_mps(margin.limit), color="#b02a2a", linestyle="--", label=f"limit {direction} ({margin.whose})")
    for row in plan.rows:
        if row.segment.prompts:
            axes.plot((row.starts_s + row.waits_s) / 60.0, 0.0, marker="^", color="#555555", clip_on=False)
    axes.set_ylabel("belt speed, km/h")
    axes.set_ylim(bottom=0.0)


def _draw_grade(axes: Any, plan: Plan) -> None:  # noqa: ANN401  matplotlib brings no types
    times_min, grades = [0.0], [0.0]
    rate = plan.frame.limits.max_grade_rate_percent_per_s
    for row in plan.rows:
        begin_s = row.starts_s + row.waits_s
        change_s = abs(row.segment.grade_percent - grades[-1]) / rate
        times_min += [begin_s / 60.0, (begin_s + change_s) / 60.0, row.ends_s / 60.0]
        grades += [grades[-1], row.segment.grade_percent, row.segment.grade_percent]
    axes.plot(times_min, grades, color="#6b4a14")
    limit = next(margin for margin in plan.margins if margin.name == "max_grade_percent")
    axes.axhline(limit.limit, color="#b02a2a", linestyle="--")
    axes.set_ylabel("grade, %")
    axes.set_xlabel("time, min (holds excluded; triangles: questions asked)")
    axes.set_ylim(-0.5, max(1.0, limit.limit * 1.1))
