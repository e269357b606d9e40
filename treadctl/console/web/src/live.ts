// The live view: what the console says ten times a second, put into the page that the server made.

import { all, fill, type Live } from "./wire";

const LOOKS = ["calm", "armed", "moving", "held", "tripped", "away"];

/** Show one state of the machine wherever the page has a place for it. */
export function show(live: Live): void {
  for (const element of all("[data-v]")) {
    const key = element.dataset["v"] as keyof Live;
    const text = live[key];
    if (key === "banner") element.hidden = !live.banner;
    const shown = text === undefined ? "–" : String(text);
    if (element.textContent !== shown) element.textContent = shown;
    const old = element.dataset["old"] as keyof Live | undefined;
    element.classList.toggle("old", live.stale || (old !== undefined && live[old] === true));
  }
  for (const element of all("[data-look]")) {
    element.classList.remove(...LOOKS);
    element.classList.add(live.look);
  }
  document.body.classList.toggle("stale", live.stale);
  for (const element of all("[data-when]")) {
    const only = element.dataset["if"] as keyof Live | undefined;
    element.hidden = !(element.dataset["when"] ?? "").split(" ").includes(live.state) || (only !== undefined && live[only] !== true);
  }
  for (const element of all("[data-prompt]")) element.hidden = element.dataset["prompt"] !== live.prompt;
  lists(live);
}

function lists(live: Live): void {
  const into = (name: string, texts: { text: string; look: string }[]): void => {
    const list = document.querySelector(`[data-${name}]`);
    if (list) fill(list, texts);
  };
  into("causes", (live.causes ?? []).map((cause) => ({ text: `${cause.sentence} ${cause.remedy}`, look: cause.present ? "present" : "gone" })));
  into("steps", (live.steps ?? []).map((step) => ({ text: step.text, look: step.done ? "done" : "open" })));
  into("blockers", (live.blockers ?? []).map((text) => ({ text, look: "" })));
  into("interlocks", (live.interlocks ?? []).map((mark) => ({ text: `${mark.good ? "✔" : "✘"} ${mark.name} ${mark.age}`, look: mark.good ? "good" : "bad" })));
  const rails = document.querySelector("[data-rails]");
  (live.rails ?? []).forEach((rail, index) => {
    const row = rails?.children[index];
    const meter = row?.querySelector("meter");
    const text = row?.querySelector("b");
    if (meter) meter.value = rail.percent;
    if (text) text.textContent = rail.text;
    row?.classList.toggle("old", rail.old);
  });
}

/** Say that nothing has come for so long. What is shown is kept, grey. */
export function silent(seconds: number, words: string): void {
  document.body.classList.add("stale");
  for (const banner of all('[data-v="banner"]')) {
    banner.hidden = false;
    banner.textContent = words.replace("{age}", `${seconds.toFixed(0)} s`);
  }
}
