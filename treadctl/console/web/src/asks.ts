// Forms that ask something of the machine: sent without leaving the page; a refusal stands beside the button in plain words.

import { all, ask, type Live } from "./wire";

const STOP_PATIENCE_MS = 1200; // the console says within 0.7 s that a stop did not get through

/** Take over every [data-ask] form. Without this module they are sent as forms. */
export function asks(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.matches("[data-ask]")) void send(event, form);
    if (form.matches("[data-stop]")) void stop(event);
  });
}

async function send(event: SubmitEvent, form: HTMLFormElement): Promise<void> {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(form, event.submitter));
  const answer = await ask(form.action.replace("/ask/", "/api/v1/session/"), fields);
  note(form, answer.ok ? "" : answer.words);
}

async function stop(event: SubmitEvent): Promise<void> {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  const answer = await ask("/api/v1/stop", {}, "POST", STOP_PATIENCE_MS);
  note(form, answer.ok ? "" : form.dataset["failed"] ?? ""); // at once and without the network, which may be what failed
  if (!answer.ok) form.submit(); // once more, for the page that says what to do now
}

function note(form: HTMLElement, text: string): void {
  let place = form.querySelector<HTMLElement>(".refused");
  if (!place) {
    place = document.createElement("p");
    place.className = "refused";
    place.setAttribute("role", "alert");
    form.append(place);
  }
  place.textContent = text;
}

/**
 * The checklist: as soon as everything is ticked the program is armed, so that the next touch is the held start.
 * Returns what to call with each state: what was armed here and is no more, because it waited too long or was put away, is asked for anew.
 */
export function checklists(): (live: Live) => void {
  let shown = "";
  for (const form of all("form[data-arm]")) {
    const boxes = [...form.querySelectorAll<HTMLInputElement>("input[type=checkbox]")];
    if (form.dataset["arming"]) continue; // this very program is armed already
    let asked = false;
    const judge = async (): Promise<void> => {
      const complete = boxes.every((box) => box.checked);
      if (!complete || asked) { form.classList.toggle("complete", false); return; }
      asked = true;
      const order = JSON.parse(form.dataset["arm"] ?? "{}") as Record<string, unknown>;
      const answer = await ask("/api/v1/session/arm", { ...order, ...Object.fromEntries(boxes.map((box) => [box.name, box.checked])) });
      note(form, answer.ok ? "" : answer.words);
      form.classList.toggle("complete", answer.ok);
      form.dataset["arming"] = answer.ok ? String(answer.body["arming"] ?? "") : "";
      if (!answer.ok) { asked = false; boxes.forEach((box) => { box.checked = false; }); }
      else boxes.forEach((box) => { box.disabled = true; });
    };
    form.addEventListener("change", () => void judge());
  }
  return (live) => {
    const arming = document.querySelector<HTMLElement>("form[data-arm]")?.dataset["arming"] ?? "";
    if (arming && live.arming === arming) shown = arming;
    else if (arming && arming === shown && live.state === "idle") location.reload();
  };
}
