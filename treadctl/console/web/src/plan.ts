// The drawing of a plan: speed over time, the travel of a stop from each point on a scale of its own against the deck, limits as lines.

import uPlot from "uplot";
import { figure } from "./wire";

export interface Plan {
  t: number[]; speed: number[]; stop_m: number[]; deck_m: number; unit: string;
  limits: { whose: string; text: string; short: string; speed: number }[];
  stretches: { path: (string | number)[]; block: string; label: string; from_s: number; to_s: number }[];
  worst_stop: { at_s: number; from_mps: number; distance_m: number };
}

const DASHES: Record<string, number[]> = { machine: [14, 6], person: [7, 4], deck: [14, 4, 3, 4] };

/** Draws into `place`; gives what to call with each new plan. Null = there is nothing to draw, and the last one goes pale. */
export function drawing(place: HTMLElement): (plan: Plan | null) => void {
  let plot: uPlot | null = null;
  let now: Plan | null = null;
  const size = (): { width: number; height: number } => ({ width: Math.max(200, place.clientWidth), height: Math.max(220, Math.min(340, place.clientWidth * 0.5)) });
  const make = (): void => {
    plot?.destroy();
    plot = now ? new uPlot({ ...options(now, place), ...size() }, data(now), place) : null;
  };
  let width = 0;
  new ResizeObserver(() => { if (place.clientWidth !== width) { width = place.clientWidth; plot?.setSize(size()); } }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
  return (plan) => {
    place.classList.toggle("pale", plan === null);
    if (plan === null) return;
    now = plan;
    make();
  };
}

function data(plan: Plan): uPlot.AlignedData {
  const flat = (value: number): number[] => plan.t.map(() => value);
  const over = plan.stop_m.map((m) => (m > plan.deck_m ? m : null));
  return [plan.t, plan.speed, plan.stop_m, flat(plan.deck_m), over, ...plan.limits.map((line) => flat(line.speed))];
}

function options(plan: Plan, place: HTMLElement): Omit<uPlot.Options, "width" | "height"> {
  const style = getComputedStyle(place);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--ink"), grid: { stroke: colour("--grid"), width: 1 }, font: "14px system-ui, sans-serif", labelFont: "14px system-ui, sans-serif" };
  const clock = (t: number): string => `${Math.floor(t / 60)}:${String(Math.round(t % 60)).padStart(2, "0")}`;
  const top = Math.max(...plan.speed, ...plan.limits.map((line) => line.speed)) * 1.08;
  return {
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false } },
    padding: [12, null, null, null],
    scales: { x: { time: false }, y: { range: [0, top] }, m: { range: [0, Math.max(plan.deck_m, ...plan.stop_m) * 1.25] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map(clock), incrs: [15, 30, 60, 120, 300, 600, 900, 1800, 3600] },
      { ...axis, label: plan.unit, scale: "y", size: 52, labelSize: 22 },
      { ...axis, label: "m", scale: "m", side: 1, grid: { show: false }, size: 52, labelSize: 22 },
    ],
    series: [
      {},
      { stroke: colour("--line"), width: 3, scale: "y", fill: colour("--fill"), points: { show: false } },
      { stroke: colour("--stop-line"), width: 2, dash: [2, 3], scale: "m", points: { show: false } },
      { stroke: colour("--stop-line"), width: 1.5, scale: "m", points: { show: false } },
      { stroke: colour("--bad"), width: 4, scale: "m", points: { show: false } },
      ...plan.limits.map((line) => ({ stroke: colour(`--limit-${line.whose}`), width: line.whose === "person" ? 3.5 : 2, dash: DASHES[line.whose] ?? [4, 4], scale: "y", points: { show: false } })),
    ],
    hooks: { drawClear: [(plot) => blocks(plot, plan, colour)], draw: [(plot) => { named(plot, plan, colour); worst(plot, plan, colour); }] },
  };
}

/** Warm-up and cool-down lie on a ground of their own; a line parts the blocks. */
function blocks(plot: uPlot, plan: Plan, colour: (name: string) => string): void {
  const { ctx } = plot;
  const { top, height } = plot.bbox;
  ctx.save();
  for (const [n, one] of plan.stretches.entries()) {
    const [from, to] = [plot.valToPos(one.from_s, "x", true), plot.valToPos(one.to_s, "x", true)];
    if (one.block !== "main") { ctx.fillStyle = colour("--ground"); ctx.fillRect(from, top, to - from, height); }
    if (n > 0 && plan.stretches[n - 1]?.block !== one.block) { ctx.fillStyle = colour("--edge"); ctx.fillRect(from - 1, top, 2, height); }
  }
  ctx.restore();
}

/** The point of the longest stop, as a mark with its length. */
function worst(plot: uPlot, plan: Plan, colour: (name: string) => string): void {
  const { at_s, distance_m } = plan.worst_stop;
  if (!(distance_m > 0)) return;
  const { ctx } = plot;
  const [x, y] = [plot.valToPos(at_s, "x", true), plot.valToPos(distance_m, "m", true)];
  const scale = devicePixelRatio;
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = distance_m > plan.deck_m ? colour("--bad") : colour("--ink");
  ctx.lineWidth = 2 * scale;
  ctx.beginPath();
  ctx.moveTo(x - 5 * scale, y - 5 * scale); ctx.lineTo(x + 5 * scale, y + 5 * scale);
  ctx.moveTo(x + 5 * scale, y - 5 * scale); ctx.lineTo(x - 5 * scale, y + 5 * scale);
  ctx.stroke();
  ctx.font = `600 ${14 * scale}px system-ui, sans-serif`;
  const right = x > plot.bbox.left + plot.bbox.width * 0.7;
  ctx.textAlign = right ? "right" : "left";
  told(ctx, `${figure(distance_m, 2)} m`, x + (right ? -9 : 9) * scale, y - 7 * scale, colour("--card"));
  ctx.restore();
}

/** Each limit has its name on it, so that nobody need tell lines apart by their colour. */
function named(plot: uPlot, plan: Plan, colour: (name: string) => string): void {
  const { ctx } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = `600 ${13 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  for (const line of plan.limits) {
    ctx.fillStyle = colour(`--limit-${line.whose}`);
    told(ctx, line.short, plot.bbox.left + plot.bbox.width - 6 * scale, plot.valToPos(line.speed, "y", true) - 5 * scale, colour("--card"));
  }
  ctx.restore();
}

/** A text with a rim in the colour of the ground, readable over any line. */
function told(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, rim: string): void {
  ctx.save();
  ctx.strokeStyle = rim;
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.restore();
  ctx.fillText(text, x, y);
}
