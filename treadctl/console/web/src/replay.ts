// The page of a session: the walk in the band of its plan, and for each stop a cursor that can be moved or played through what went before.

import uPlot from "uplot";
import { axis, clock, draw, inks, read } from "./drawing";
import { figure } from "./wire";

type Column = (number | null)[];
interface Track { t: number[]; measured: Column; commanded: Column; low: Column; high: Column; left: Column; right: Column }
interface Mark { t: number; kind: string; text: string }
interface Stop { at: number; track: Track; marks: Mark[] }
interface Drawing { unit: string; digits: number; whole: Track; marks: Mark[]; stops: Stop[] }

const STEP_MS = 100; // the recording has ten samples a second; it is played as fast as it was

/** Draw and make playable what the page of a session has a place for. */
export async function replays(): Promise<void> {
  const page = document.querySelector<HTMLElement>("[data-session]");
  const source = page?.dataset["session"];
  if (!page || !source) return;
  const found = await read<Drawing>(source);
  if (!found) return;
  const words = page.dataset;
  const whole = page.querySelector<HTMLElement>("[data-whole]");
  if (whole && found.whole.t.length > 0) {
    whole.hidden = false;
    pair(whole, found, found.whole, words, (seconds) => clock(seconds), [...found.marks, ...found.stops.map((stop) => ({ t: stop.at, kind: "stop", text: "" }))], "session");
  }
  for (const place of page.querySelectorAll<HTMLElement>("[data-replay]")) {
    const stop = found.stops[Number(place.dataset["replay"])];
    if (stop && stop.track.t.length > 0) replay(place, found, stop, words);
  }
}

/** Speed above, rails below, on one clock. */
function pair(place: HTMLElement, found: Drawing, track: Track, words: DOMStringMap, text: (t: number) => string, marks: Mark[], key: string): [uPlot, uPlot] {
  const { band, line, soft, accent, ink } = inks();
  const x = axis({ values: (_, ticks) => ticks.map(text), space: 64, size: 28, incrs: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1200] });
  const legend = { show: false };
  const hooks = { draw: [(plot: uPlot) => markers(plot, marks)] };
  const cursor: uPlot.Cursor = { y: false, drag: { setScale: false, x: false, y: false }, sync: { key } };
  const scales: uPlot.Scales = { x: { time: false }, y: { range: (_, _low, high) => [0, Math.max(high, 1) * 1.08] } };
  const speed = draw(
    place, 220,
    {
      scales, cursor, hooks, axes: [x, axis({ size: 56, label: found.unit, labelSize: 22 })], legend,
      series: [
        {}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } },
        { stroke: soft, width: 1.5, dash: [6, 4], points: { show: false } }, { stroke: line, width: 2.5, points: { show: false } },
      ],
      bands: [{ series: [2, 1], fill: band }],
    },
    [track.t, track.low, track.high, track.commanded, track.measured],
  );
  keys(place, [["line", words["measured"]], ["soft dashed", words["commanded"]], ["band", words["plan"]]]);
  const rails = draw(
    place, 140,
    {
      scales, cursor, hooks, axes: [x, axis({ size: 56, label: "%", labelSize: 22 })], legend,
      series: [{}, { stroke: accent, width: 2, points: { show: false } }, { stroke: ink, width: 2, dash: [3, 3], points: { show: false } }],
    },
    [track.t, track.left, track.right],
  );
  keys(place, [["accent", words["left"]], ["ink dashed", words["right"]]]);
  return [speed, rails];
}

/** What each line means. */
function keys(place: HTMLElement, entries: [string, string | undefined][]): void {
  const list = document.createElement("p");
  list.className = "keys";
  for (const [look, text] of entries) {
    const sample = document.createElement("i");
    sample.className = look;
    const entry = document.createElement("span");
    entry.append(sample, text ?? "");
    list.append(entry);
  }
  place.append(list);
}

/** Upright lines: a stop thick, anything else thin. */
function markers(plot: uPlot, marks: Mark[]): void {
  const { bad, soft } = inks();
  const { ctx, bbox } = plot;
  for (const mark of marks) {
    const at = plot.valToPos(mark.t, "x", true);
    if (at < bbox.left || at > bbox.left + bbox.width) continue;
    const heavy = mark.kind === "stop";
    ctx.save();
    ctx.strokeStyle = heavy || mark.kind === "cause" ? bad : soft;
    ctx.lineWidth = (heavy ? 3 : 1) * devicePixelRatio;
    if (!heavy) ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }
}

function replay(place: HTMLElement, found: Drawing, stop: Stop, words: DOMStringMap): void {
  const slider = place.querySelector<HTMLInputElement>("[data-slider]");
  const button = place.querySelector<HTMLButtonElement>("[data-play-button]");
  const drawn = place.querySelector<HTMLElement>("[data-place]");
  const now = place.querySelector<HTMLElement>("[data-now]");
  const values = place.querySelector<HTMLElement>("[data-values]");
  const list = place.querySelector<HTMLElement>("[data-happened]");
  if (!slider || !button || !drawn || !now || !values || !list) return;
  place.hidden = false;
  const { t } = stop.track;
  const relative: Track = { ...stop.track, t: t.map((at) => at - stop.at) };
  const marks = [...stop.marks.map((mark) => ({ ...mark, t: mark.t - stop.at })), { t: 0, kind: "stop", text: "" }];
  const plots = pair(drawn, found, relative, words, (seconds) => `${seconds > 0 ? "+" : seconds < 0 ? "−" : ""}${Math.abs(seconds)} s`, marks, `stop ${stop.at}`);
  const items = stop.marks.map((mark) => {
    const item = document.createElement("li");
    item.textContent = `${signed(mark.t - stop.at)}  ${mark.text}`;
    list.append(item);
    return { item, at: mark.t - stop.at };
  });
  slider.min = String(Math.ceil((relative.t[0] ?? -30) * 10) / 10);
  slider.max = String(Math.floor((relative.t.at(-1) ?? 10) * 10) / 10);
  slider.value = slider.min;
  const show = (): void => {
    const at = Number(slider.value);
    const index = nearest(relative.t, at);
    const x = relative.t[index] ?? 0;
    for (const plot of plots) plot.setCursor({ left: plot.valToPos(x, "x"), top: 0 }, false);
    now.textContent = signed(at);
    const number = (value: number | null | undefined, digits: number): string => (value === null || value === undefined ? "–" : figure(value, digits));
    values.textContent = [
      `${words["measured"]} ${number(relative.measured[index], found.digits)} ${found.unit}`, `${words["commanded"]} ${number(relative.commanded[index], found.digits)} ${found.unit}`,
      `${words["left"]} ${number(relative.left[index], 1)} %`, `${words["right"]} ${number(relative.right[index], 1)} %`,
    ].join(" · ");
    slider.setAttribute("aria-valuetext", `${signed(at)}: ${values.textContent}`);
    for (const { item, at: when } of items) item.classList.toggle("past", when <= at + 0.05);
  };
  let playing: number | undefined;
  const pause = (): void => { clearInterval(playing); playing = undefined; button.textContent = `▶ ${words["play"]}`; };
  button.addEventListener("click", () => {
    if (playing !== undefined) { pause(); return; }
    if (Number(slider.value) >= Number(slider.max)) slider.value = slider.min;
    button.textContent = `‖ ${words["pause"]}`;
    playing = setInterval(() => {
      slider.value = String(Number(slider.value) + STEP_MS / 1000);
      show();
      if (Number(slider.value) >= Number(slider.max)) pause();
    }, STEP_MS);
  });
  slider.addEventListener("input", () => { pause(); show(); });
  show();
}

function nearest(times: number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - (times[low - 1] ?? 0) < (times[low] ?? 0) - at ? low - 1 : low;
}

function signed(seconds: number): string {
  return `${seconds < -0.05 ? "−" : "+"}${figure(Math.abs(seconds), 1)} s`;
}
