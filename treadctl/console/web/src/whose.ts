// Whose program the machine holds: asked for anew when another one is armed, and never left standing beside a program that is not theirs.

import type { Live } from "./wire";

/** Keep [data-whose] true to what is armed; returns what to call with each state. */
export function whose(): (live: Live) => void {
  const place = document.querySelector<HTMLElement>("[data-whose]");
  return (live) => {
    const arming = live.arming ?? "";
    if (!place || place.dataset["arming"] === arming) return;
    place.dataset["arming"] = arming;
    place.textContent = "";
    if (arming) void fill(place, arming);
  };
}

async function fill(place: HTMLElement, arming: string): Promise<void> {
  const answer = await fetch("/api/v1/session/whose", { headers: { Accept: "application/json" } }).catch(() => undefined);
  if (!answer?.ok) return;
  const found = (await answer.json()) as { arming: string; name: string; title: string };
  if (found.arming === arming && place.dataset["arming"] === arming && found.name) place.textContent = `${found.name} · ${found.title}`;
}
