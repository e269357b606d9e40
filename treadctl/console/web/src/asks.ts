// Forms that ask something of the machine: sent without leaving the page; a refusal stands beside the button in plain words.

import { all, ask } from "./wire";

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
  const answer = await ask("/api/v1/stop", {});
  if (!answer.ok) (event.target as HTMLFormElement).submit(); // the page that says what to do now
}

function note(form: HTMLFormElement, text: string): void {
  let place = form.querySelector<HTMLElement>(".refused");
  if (!place) {
    place = document.createElement("p");
    place.className = "refused";
    place.setAttribute("role", "alert");
    form.append(place);
  }
  place.textContent = text;
}

/** Forms with [data-complete] enable their last button when everything in them is ticked. */
export function checklists(): void {
  for (const form of all("[data-complete]")) {
    const boxes = [...form.querySelectorAll<HTMLInputElement>("input[type=checkbox]")];
    const judge = (): void => { form.classList.toggle("complete", boxes.every((box) => box.checked)); };
    form.addEventListener("change", judge);
    judge();
  }
}
