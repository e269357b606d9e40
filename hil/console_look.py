"""Looks at one page of the console with a ruler: axe-core's rules, sideways scrolling, the size of what is touched, the stop bar, and what the page weighs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

from browsing import SIZES
from treadctl.console.settings import Door

AXE: Final = Path(__file__).resolve().parents[1] / "treadctl/console/web/node_modules/axe-core/axe.min.js"
SCHEMES: Final = ("light", "dark")
LEAST_PX: Final = {Door.DESK: 48, Door.KIOSK: 64}
STOP_SHARE: Final = 0.15
MOST_BYTES: Final = 200_000
SETTLES_MS: Final = 200  # until drawings have taken their new width

SMALL: Final = """([least]) => {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getClientRects().length > 0;
  const clipped = (e) => { for (let p = e; p; p = p.parentElement) if (getComputedStyle(p).clipPath === "inset(50%)") return true; return false; };
  const inText = (e) => e.tagName === "A" && getComputedStyle(e).display === "inline"
    && [...e.parentElement.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim().length > 3);
  const box = (e) => {
    const label = ["checkbox", "radio"].includes(e.type) ? e.labels[0] : undefined;
    const own = e.getBoundingClientRect();
    if (!label) return own;
    const all = label.getBoundingClientRect();  // a tick and its words are one target
    return { width: Math.max(own.width, all.width), height: Math.max(own.height, all.height) };
  };
  const found = [];
  for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
    if (!shown(e) || clipped(e) || inText(e)) continue;
    const { width, height } = box(e);
    if (width < least - 0.5 || height < least - 0.5) found.push(`${e.outerHTML.slice(0, 90)} is ${width.toFixed(0)} x ${height.toFixed(0)}`);
  }
  return found;
}"""
SIDEWAYS: Final = "() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
STOP_BAR: Final = """([share]) => {
  const found = [], button = document.querySelector("form.stop button"), form = document.querySelector("form.stop");
  for (const at of [0, document.scrollingElement.scrollHeight]) {
    scrollTo(0, at);
    const bar = form.getBoundingClientRect(), box = button.getBoundingClientRect();
    if (bar.height < share * innerHeight) found.push(`the stop bar has ${bar.height} of ${innerHeight}`);
    if (Math.abs(bar.bottom - innerHeight) > 1 || bar.width < innerWidth - 20) found.push("the stop bar is not across the bottom");
    for (const [x, y] of [[0.5, 0.5], [0.02, 0.1], [0.98, 0.9]]) {
      const there = document.elementFromPoint(box.left + x * box.width, box.top + y * box.height);
      if (there !== button) found.push(`covered by ${there?.outerHTML.slice(0, 60)}`);
    }
  }
  scrollTo(0, 0);
  return found;
}"""
AXE_RUN: Final = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .map((v) => `${v.id} (${v.impact}): ${v.help} ` + v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join(" | "))"""


@dataclass
class Seen:
    """What was found on pages, by kind; each entry begins with the page, its size and its colours."""

    pages: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    sideways: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    heavy: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    weights: dict[str, int] = field(default_factory=dict)


class Scales:
    """Weighs what a page has received since it was last emptied: bytes on the wire, heads of answers included. Nothing comes from the cache."""

    def __init__(self, page: Page) -> None:
        self._wire = page.context.new_cdp_session(page)
        self._wire.send("Network.enable")
        self._wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self._wire.on("Network.loadingFinished", self._take)
        self.bytes = 0

    def _take(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])


def look(page: Page, name: str, door: Door, seen: Seen) -> None:
    """Look at what is open now, in every size and both colours."""
    seen.pages.append(name)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(SETTLES_MS)
        where = f"{name} {size}"
        overhang = page.evaluate(SIDEWAYS)
        if overhang > 0:
            seen.sideways.append(f"{where}: {overhang} px")
        seen.small += [f"{where}: {text}" for text in page.evaluate(SMALL, [LEAST_PX[door]])]
        seen.stop += [f"{where}: {text}" for text in page.evaluate(STOP_BAR, [STOP_SHARE])]
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            seen.rules += [f"{where} {scheme}: {text}" for text in page.evaluate(AXE_RUN)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(dict(zip(("width", "height"), SIZES["kiosk"], strict=True)))
