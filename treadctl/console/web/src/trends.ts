// The page of a person: each figure over the sessions, as a small chart. Without this module the last value and the table stand there.

import uPlot from "uplot";
import { axis, draw, inks, read } from "./drawing";

interface Trend { id: string; title: string; unit: string; digits: number; low: number | null; high: number | null; t: number[]; v: number[] }
interface Trends { language: string; zone: string; figures: Trend[]; sessions: number }

/** Draw every [data-trend] of the page. */
export async function trends(): Promise<void> {
  const place = document.querySelector<HTMLElement>("[data-trends]");
  const source = place?.dataset["trends"];
  if (!place || !source) return;
  const found = await read<Trends>(source);
  if (!found) return;
  const all = found.figures.flatMap((figure) => figure.t);
  if (all.length === 0) return;
  const span: [number, number] = [Math.min(...ends(all)), Math.max(...ends(all))];
  for (const figure of found.figures) {
    const card = place.querySelector<HTMLElement>(`[data-trend="${figure.id}"]`);
    if (card && figure.t.length > 0) chart(card, figure, span, found);
  }
}

function ends(values: number[]): [number, number] {
  return values.reduce<[number, number]>(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

function chart(card: HTMLElement, figure: Trend, [first, last]: [number, number], found: Trends): void {
  const { line, soft } = inks();
  const short = new Intl.DateTimeFormat(found.language, { timeZone: found.zone, day: "numeric", month: "short" });
  const year = new Intl.DateTimeFormat(found.language, { timeZone: found.zone, month: "short", year: "numeric" });
  const whole = new Intl.DateTimeFormat(found.language, { timeZone: found.zone, dateStyle: "medium" });
  const number = new Intl.NumberFormat(found.language, { minimumFractionDigits: figure.digits, maximumFractionDigits: figure.digits });
  const margin = Math.max(86400, (last - first) * 0.04);
  const long = last - first > 300 * 86400;
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  const [low, high] = ends(figure.v);
  place.setAttribute("aria-label", `${figure.title}: ${figure.v.length}; ${number.format(low)}–${number.format(high)} ${figure.unit}`);
  card.append(place);
  const value = card.querySelector("b");
  const when = card.querySelector(".when");
  const rest = [value?.textContent ?? "", when?.textContent ?? ""];
  const few = figure.v.length < 120;
  draw(
    place, 150,
    {
      legend: { show: false },
      cursor: { y: false, points: { size: 9 }, drag: { setScale: false, x: false, y: false } },
      scales: { x: { time: false, range: () => [first - margin, last + margin] }, y: { range: (_, from, to) => [figure.low ?? Math.min(0, from), figure.high ?? (Math.max(to, figure.digits > 0 ? 0.1 : 1) * 1.1)] } },
      axes: [
        axis({ values: (_, ticks) => ticks.map((tick) => (long ? year : short).format(tick * 1000)), incrs: [1, 2, 7, 14, 30, 61, 91, 182, 365, 730, 1461, 3652].map((days) => days * 86400), space: 70, size: 28, gap: 2 }),
        axis({ size: 40, space: 36, gap: 2, incrs: figure.digits === 0 ? [1, 2, 5, 10, 20, 50, 100] : [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100] }),
      ],
      series: few ? [{}, { stroke: line, width: 1.5, points: { show: true, size: 5, stroke: line, fill: line } }]
        : [{}, { stroke: soft, width: 0.5, points: { show: false } }, { stroke: line, width: 2.5, points: { show: false } }],
      hooks: {
        setCursor: [(plot) => {
          const index = plot.cursor.idx;
          const at = index === null || index === undefined ? undefined : figure.t[index];
          if (value) value.textContent = at === undefined ? rest[0]! : number.format(figure.v[index!]!);
          if (when) when.textContent = at === undefined ? rest[1]! : whole.format(at * 1000);
        }],
      },
    },
    few ? [figure.t, figure.v] : [figure.t, figure.v, course(figure.v, figure.id === "events")],
  );
}

/** The course of many values: at each the middle one of those around it; of what is counted, where most are none, their mean. */
function course(values: number[], counted: boolean): number[] {
  const half = Math.max(3, Math.round(values.length / 40));
  return values.map((_, index) => {
    const around = values.slice(Math.max(0, index - half), index + half + 1);
    if (counted) return around.reduce((sum, value) => sum + value, 0) / around.length;
    return around.sort((one, other) => one - other)[around.length >> 1] ?? 0;
  });
}
