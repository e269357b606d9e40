// Hold to start: while the button is pressed the page renews its wish ten times a second; the console and the daemon let each renewal die by itself.

import { all, ask } from "./wire";

const RENEW_MS = 100;

/** Make every [data-hold] button a held one. */
export function holds(): void {
  for (const button of all("[data-hold]")) held(button);
}

function held(button: HTMLElement): void {
  let pressed = false;
  const status = document.querySelector<HTMLElement>("[data-hold-status]");
  const say = (text: string): void => { if (status) status.textContent = text; };

  const begin = async (): Promise<void> => {
    if (pressed) return;
    pressed = true;
    button.classList.add("pressed");
    const opened = await ask(button.dataset["hold"] ?? "", {});
    if (!opened.ok) { end(opened.words); return; }
    const hold = String(opened.body["hold"] ?? "");
    let words = "";
    for (let n = 1; pressed; n += 1) {
      const begun = performance.now();
      const answer = await ask(`/api/v1/session/start/${hold}`, { n }, "PUT");
      if (!answer.ok) { words = answer.words; break; }
      if (answer.body["started"] === true) { location.assign("/live"); return; }
      say(button.dataset["held"] ?? "");
      await new Promise((done) => setTimeout(done, Math.max(0, RENEW_MS - (performance.now() - begun))));
    }
    end(words);
  };
  /** The hold is over; `words` say why where it was not let go. */
  const end = (words = ""): void => {
    if (pressed) say(words || (button.dataset["released"] ?? ""));
    pressed = false;
    button.classList.remove("pressed");
  };
  button.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); void begin(); });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur", "contextmenu"]) button.addEventListener(name, () => end());
  button.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); void begin(); } });
  button.addEventListener("keyup", () => end());
  document.addEventListener("visibilitychange", () => { if (document.hidden) end(); });
}
