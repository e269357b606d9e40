// Held buttons (start, go on, reset): while one is pressed the page renews its wish ten times a second; the console and the daemon let each renewal die by itself.

import { all, ask } from "./wire";

const RENEW_MS = 100;

/** Make every [data-hold] button a held one. A start is of what its form armed, and of nothing else. */
export function holds(): void {
  for (const button of all("[data-hold]")) held(button);
}

function held(button: HTMLElement): void {
  let pressed = false;
  const status = button.parentElement?.querySelector<HTMLElement>("[data-hold-status]");
  const say = (text: string): void => { if (status) status.textContent = text; };

  const begin = async (): Promise<void> => {
    if (pressed) return;
    pressed = true;
    button.classList.add("pressed");
    const path = button.dataset["hold"] ?? "";
    const arming = button.closest<HTMLElement>("form")?.dataset["arming"];
    const opened = await ask(path, arming === undefined ? {} : { arming });
    if (!opened.ok) { release(opened.words); return; }
    const hold = String(opened.body["hold"] ?? "");
    for (let n = 1; pressed; n += 1) {
      const begun = performance.now();
      const answer = await ask(`${path}/${hold}`, { n }, "PUT");
      if (answer.body["done"] === true) { done(); return; }
      if (!answer.ok) { release(answer.words); return; }
      if (pressed) say(button.dataset["held"] ?? "");
      await new Promise((done) => setTimeout(done, Math.max(0, RENEW_MS - (performance.now() - begun))));
    }
  };
  const done = (): void => {
    release("");
    const then = button.dataset["then"];
    if (then) location.assign(then);
  };
  /** Not pressed any more, with the reason; a reason why not is not written over by letting go. */
  const release = (words: string): void => {
    if (pressed) say(words);
    pressed = false;
    button.classList.remove("pressed");
  };
  const end = (): void => release(button.dataset["released"] ?? "");
  button.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); void begin(); });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur", "contextmenu"]) button.addEventListener(name, end);
  button.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); if (!event.repeat) void begin(); } });
  button.addEventListener("keyup", end);
  document.addEventListener("visibilitychange", () => { if (document.hidden) end(); });
}
