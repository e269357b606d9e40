"""The evaluation as one HTML page: nothing is fetched, the plots are in it."""

from __future__ import annotations

import io
from collections.abc import Callable
from html import escape
from typing import Any, Final

from treadctl.detector.evaluate import DETECTOR
from treadctl.detector.report import BASELINES, GOALS, Evaluation, cells
from treadctl.detector.score import Row

STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
table { border-collapse: collapse; margin: 0.5rem 0 2rem; width: 100% } caption { text-align: left; font-weight: 600; padding: 0.3rem 0 }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #d0d0d0 } th:first-child, td:first-child { text-align: left }
tr.all td { font-weight: 600 } svg { max-width: 100%; height: auto } figure { margin: 1rem 0 }
"""
COLUMNS: Final = ("", "trials", "caught", "early", "lead p10 / p50 / p90, ms", "stopped", "false stops", "hours", "per hour", "95 % bound")


def page(e: Evaluation) -> str:
    """The whole page."""
    plots = (("Falls caught against false stops an hour", _roc), ("Lead before the impact", _leads), ("Falls caught by what the warm-up was", _calibrations))
    figures = "".join(f"<figure><figcaption>{escape(title)}</figcaption>{_svg(draw, e)}</figure>" for title, draw in plots)
    parts = [_table(f"{name}: {group}", rows) for name, by_group in (e.tables | e.summaries).items() for group, rows in by_group.items()]
    faults = [_table(f"sensor fault: {name}", rows) for name, rows in e.faults.items()]
    refused = "".join(f"<li>{escape(place)}: {escape(reason)}</li>" for place, reason in e.refused)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>treadctl: the detector on {escape(e.dataset)}</title>
<style>{STYLE}</style></head><body>
<h1>The detector of lost balance on {escape(e.dataset)}</h1>
<p>{e.recordings} recordings, {len(e.refused)} refused; data hash {escape(e.sha256)}. One person was left out at a time; the
first {e.calibration_s:.0f} s of each calibrating gait served as that person's warm-up and were not judged.</p>
<p>{escape(GOALS)}. Cost {e.microseconds_per_sample:.1f} µs a sample.</p>
{f"<ul>{refused}</ul>" if refused else ""}{figures}{"".join(parts)}{"".join(faults)}
</body></html>
"""


def _table(caption: str, rows: list[Row]) -> str:
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in COLUMNS)
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{''.join(map(_line, rows))}</table>"


def _line(r: Row) -> str:
    *words, bound = cells(r, " / ")
    mark = " class=all" if r.name.startswith("all ") else ""
    shown = (escape(r.name), *words, f"≤ {bound}" if bound else "")
    return f"<tr{mark}>{''.join(f'<td>{cell}</td>' for cell in shown)}</tr>"


def _svg(draw: Callable[[Any, Evaluation], None], e: Evaluation) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - heavy: loaded only to draw
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context({"svg.hashsalt": "treadctl", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9.0, 4.0), layout="constrained")
        canvas: Any = FigureCanvasSVG(figure)
        draw(figure.subplots(), e)
        out = io.StringIO()
        canvas.print_svg(out, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _roc(axes: Any, e: Evaluation) -> None:  # noqa: ANN401 - matplotlib has no types
    axes.plot([p.jogging_per_h for p in e.roc], [100 * p.caught for p in e.roc], "o-", label="jogging")
    axes.plot([p.walking_per_h for p in e.roc], [100 * p.caught for p in e.roc], "s--", label="walking")
    for name in BASELINES:
        found = {r.name: r for rows in list(e.summaries[name].values())[:1] for r in rows}
        falls, jog = found.get("all falls"), found.get("all jogging")
        if falls is not None and jog is not None and falls.caught_share is not None and jog.per_hour is not None:
            axes.plot([jog.per_hour], [100 * falls.caught_share], "x", label=f"{name} (jogging)")
    axes.axvline(1.0, color="grey", linewidth=0.8)
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set(xlabel="false stops an hour", ylabel="falls caught, %")
    axes.legend(fontsize="small")


def _leads(axes: Any, e: Evaluation) -> None:  # noqa: ANN401
    leads = [1e3 * lead for lead in e.leads_s if lead is not None]
    axes.hist(leads, bins=30, color="#7fb2d9")
    for lead_ms, words in ((150.0, "goal for p10"), (330.0, "goal for p50")):
        axes.axvline(lead_ms, color="grey", linewidth=0.8)
        axes.annotate(words, (lead_ms, 0.9), xycoords=("data", "axes fraction"), fontsize="small")
    axes.set(xlabel="lead before the impact, ms", ylabel="falls")


def _calibrations(axes: Any, e: Evaluation) -> None:  # noqa: ANN401
    names, shares = [], []
    for name, by_group in e.summaries.items():
        falls = [r for rows in list(by_group.values())[:1] for r in rows if r.name == "all falls"]
        if falls and falls[0].caught_share is not None and (name == DETECTOR or name not in e.tables):
            names.append(f"{name}, 50 s of both" if name == DETECTOR else name)
            shares.append(100 * falls[0].caught_share)
    axes.barh(names, shares, color="#a8d5a2")
    axes.set(xlabel="falls caught, %", xlim=(80, 100))
