// The chart of the live view: the plan as a band, the measured speed on it.

import uPlot from "uplot";
import { read } from "./drawing";
import type { Live, Series } from "./wire";

interface Plan { per_mps: number; unit: string; band_mps: number; plan: { t: number[]; mps: number[] }; past: { t: number[]; mps: (number | null)[] } }

/** Draw into [data-chart] where the page has one; returns what to call with each state. */
export async function chart(): Promise<(live: Live) => void> {
  const place = document.querySelector<HTMLElement>("[data-chart]");
  const source = document.querySelector<HTMLElement>("[data-live]")?.dataset["series"];
  if (!place || !source) return () => undefined;
  const first = await read<Plan>(source);
  if (!first) return () => undefined;
  const { per_mps, unit, band_mps } = first;
  let plan = first.plan;
  let times: number[] = [];
  let measured: (number | null)[] = [];
  const take = (found: Plan): void => {
    plan = found.plan;
    times = [...found.past.t];
    measured = found.past.mps.map((v) => (v === null ? null : v * per_mps));
  };
  take(first);
  const planned = (t: number): number | null => {
    const last = plan.t.length - 1;
    if (last < 1 || t < (plan.t[0] ?? 0) || t > (plan.t[last] ?? 0)) return null;
    let i = 1;
    while (i < last && (plan.t[i] ?? 0) < t) i += 1;
    const [t0, t1, v0, v1] = [plan.t[i - 1] ?? 0, plan.t[i] ?? 0, plan.mps[i - 1] ?? 0, plan.mps[i] ?? 0];
    return (t1 > t0 ? v0 + ((v1 - v0) * (t - t0)) / (t1 - t0) : v1) * per_mps;
  };
  const data = (): uPlot.AlignedData => {
    const ahead = plan.t.filter((t) => t > (times.at(-1) ?? 0));
    const x = [...times, ...ahead];
    const low = x.map((t) => { const v = planned(t); return v === null ? null : Math.max(0, v - band_mps * per_mps); });
    const high = x.map((t) => { const v = planned(t); return v === null ? null : v + band_mps * per_mps; });
    return [x, low, high, x.map((_, i) => measured[i] ?? null)];
  };
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue("--ink").trim();
  const band = style.getPropertyValue("--band").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { stroke: ink, grid: { stroke: style.getPropertyValue("--grid").trim(), width: 1 } };
  const plot = new uPlot(
    {
      width: place.clientWidth, height: Math.max(140, place.clientHeight), legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((t) => `${Math.floor(t / 60)}:${String(Math.floor(t % 60)).padStart(2, "0")}`) }, { ...axis, label: unit }],
      series: [{}, { stroke: "transparent" }, { stroke: "transparent" }, { stroke: line, width: 3, spanGaps: false }],
      bands: [{ series: [2, 1], fill: band }],
    },
    data(),
    place,
  );
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: Math.max(140, place.clientHeight) })).observe(place);
  let drawn = 0;
  let program: string | undefined;
  const anew = async (): Promise<void> => {
    const found = await read<Plan>(source);
    if (found) { take(found); plot.setData(data()); }
  };
  return (live) => {
    const now: Series | undefined = live.series;
    const other = program !== undefined && live.program !== program && Boolean(live.program);
    program = live.program ?? "";
    const last = times.at(-1) ?? -1;
    if (other || (now && now.elapsed_s !== null && now.elapsed_s < last - 1)) { times = []; measured = []; void anew(); return; } // another session has begun
    if (!now || now.elapsed_s === null || now.elapsed_s <= last) return;
    times.push(now.elapsed_s);
    measured.push(now.measured === null ? null : now.measured * per_mps);
    if (performance.now() - drawn > 200) { drawn = performance.now(); plot.setData(data()); }
  };
}
