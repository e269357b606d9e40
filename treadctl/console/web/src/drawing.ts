// What every drawing shares: colours of the sheet, axes, and keeping the width of its place.

import uPlot from "uplot";

export interface Ink { ink: string; soft: string; grid: string; band: string; line: string; bad: string; accent: string }

/** The colours of the sheet as they are now. */
export function inks(): Ink {
  const style = getComputedStyle(document.body);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return { ink: read("ink"), soft: read("soft"), grid: read("grid"), band: read("band"), line: read("line"), bad: read("bad"), accent: read("accent") };
}

/** An axis in the colours of the sheet. */
export function axis(extra: uPlot.Axis = {}): uPlot.Axis {
  const { ink, grid } = inks();
  return { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "13px system-ui, sans-serif", labelFont: "13px system-ui, sans-serif", ...extra };
}

/** Draw into `place`, as wide as it is. */
export function draw(place: HTMLElement, height: number, options: Omit<uPlot.Options, "width" | "height">, data: uPlot.AlignedData): uPlot {
  const plot = new uPlot({ ...options, width: Math.max(200, place.clientWidth), height }, data, place);
  new ResizeObserver(() => { if (place.clientWidth > 0 && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height }); }).observe(place);
  return plot;
}

/** Minutes and seconds. */
export function clock(seconds: number): string {
  const whole = Math.round(Math.abs(seconds));
  return `${seconds < 0 ? "−" : ""}${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** JSON from the console; undefined where it does not come. */
export async function read<T>(path: string): Promise<T | undefined> {
  try {
    const answer = await fetch(path, { headers: { Accept: "application/json" } });
    return answer.ok ? ((await answer.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}
