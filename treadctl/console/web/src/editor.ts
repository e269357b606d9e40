// The editor of protocols and prescriptions. The text is the truth: whatever is changed in the form is changed in it, by the console, and comes back from there.

import { entriesForm, type Edit } from "./stretches";
import { drawing, type Plan } from "./plan";
import { all, ask } from "./wire";

interface Finding { weight: string; sentence: string; remedy: string; who_may: string; place: string; path: (string | number)[]; line: number | null; rule: string }
interface Draft { text: string; can_save: boolean; findings: Finding[]; figures: [string, string][]; stop: string; plan: Plan | null; entries: Record<string, unknown[]> | null }

const PAUSE_MS = 200;

const shown = document.querySelector<HTMLElement>("[data-plan]");
const draw = shown ? drawing(shown) : () => undefined;
if (shown) draw(JSON.parse(shown.dataset["plan"] ?? "null") as Plan | null);

const form = document.querySelector<HTMLFormElement>("[data-editor]");
if (form) edit(form);

function edit(form: HTMLFormElement): void {
  const text = form.querySelector<HTMLTextAreaElement>("textarea[name=text]")!;
  const status = form.querySelector<HTMLElement>("[data-status]")!;
  const words = form.dataset;
  const weights = JSON.parse(words["weights"] ?? "{}") as Record<string, string>;
  const begun = text.value;
  let leaving = false;
  let timer = 0;
  let round = 0; // of several answers under way only the newest counts
  let queue: Promise<void> = Promise.resolve();

  const look = async (edits: Edit[] = []): Promise<void> => {
    round += 1;
    const mine = round;
    const sent = text.value;
    const answer = await ask("/api/v1/plan", { text: sent, person_id: words["person"] || null, edits });
    if (!answer.ok) {
      status.textContent = answer.status === 0 ? (words["failed"] ?? "") : answer.status === 401 || answer.status === 403 ? (words["gone"] ?? "") : answer.words;
      if (edits.length > 0) stretches.again();
      return;
    }
    const draft = answer.body as unknown as Draft;
    if (edits.length > 0 && text.value !== sent) return look(edits); // somebody typed meanwhile: the change is made in what stands there now
    if (edits.length === 0 && (mine !== round || text.value !== sent)) return;
    status.textContent = "";
    if (edits.length > 0 && text.value !== draft.text) replace(text, draft.text);
    show(draft);
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), PAUSE_MS);
  };
  const change = (edits: Edit[]): void => {
    clearTimeout(timer);
    queue = queue.then(() => look(edits)); // one after the other, each in the text the one before left
  };
  const stretches = entriesForm(form, change);

  const show = (draft: Draft): void => {
    findings(form, draft.findings, words, weights);
    figures(draft);
    draw(draft.plan);
    keys(draft.plan);
    stretches.show(draft.entries);
    stretches.mark(draft.findings.map((f) => ({ path: f.path, weight: f.weight, text: `${weights[f.weight] ?? ""}: ${[f.sentence, f.remedy].filter(Boolean).join(" ")}` })));
    form.querySelector("[data-save]")?.toggleAttribute("disabled", !draft.can_save);
  };
  text.addEventListener("input", later);
  form.addEventListener("submit", (event) => {
    if (leaving) return;
    event.preventDefault(); // first whether it would be taken at all: the text must not be lost to a page that says "sign on"
    const button = event.submitter as HTMLButtonElement | null;
    void stillOn(form).then((on) => {
      status.textContent = on ? "" : (words["gone"] ?? "");
      if (!on) { status.scrollIntoView({ block: "center" }); return; }
      leaving = true;
      form.requestSubmit(button);
    });
  });
  addEventListener("beforeunload", (event) => { if (!leaving && text.value !== begun) event.preventDefault(); });
  void look();
}

/** Whether the console still knows who we are; the token of a new session is taken from this page as it would be now. */
async function stillOn(form: HTMLFormElement): Promise<boolean> {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const csrf = new DOMParser().parseFromString(await answer.text(), "text/html").body.dataset["csrf"];
    if (!answer.ok || !csrf) return false;
    document.body.dataset["csrf"] = csrf;
    for (const field of form.querySelectorAll<HTMLInputElement>("input[name=csrf]")) field.value = csrf;
    return true;
  } catch {
    return false;
  }
}

/** Put a new text in, as one step that the browser can undo where it knows how. */
function replace(place: HTMLTextAreaElement, wanted: string): void {
  const old = place.value;
  let from = 0;
  while (from < old.length && from < wanted.length && old[from] === wanted[from]) from += 1;
  let end = 0;
  while (end < old.length - from && end < wanted.length - from && old[old.length - 1 - end] === wanted[wanted.length - 1 - end]) end += 1;
  const scroll = place.scrollTop;
  place.setRangeText(wanted.slice(from, wanted.length - end), from, old.length - end, "preserve");
  place.scrollTop = scroll;
}

function findings(form: HTMLElement, found: Finding[], words: DOMStringMap, weights: Record<string, string>): void {
  const list = form.querySelector("[data-findings]");
  if (!list) return;
  const lines = found.map((one) => {
    const line = element("li", one.weight);
    line.append(element("b", "", weights[one.weight] ?? one.weight));
    const place = [one.line ? `${words["line"] ?? ""} ${one.line}` : "", one.place].filter(Boolean).join(", ");
    if (place) {
      const where = one.line ? element("button", "place link", place) : element("span", "place", place);
      if (one.line) { where.setAttribute("type", "button"); where.addEventListener("click", () => goTo(form, one.line ?? 1)); }
      line.append(where);
    }
    line.append(element("span", "", `${one.sentence} ${one.remedy}`.trim()));
    if (one.rule && one.weight !== "note") line.append(element("span", "rule", `${words["rule"] ?? ""} ${one.rule}. ${one.who_may}`.trim()));
    return line;
  });
  list.replaceChildren(...(lines.length > 0 ? lines : [element("li", "good", words["none"] ?? "")]));
}

/** Put the cursor on a line of the text. */
function goTo(form: HTMLElement, line: number): void {
  const text = form.querySelector<HTMLTextAreaElement>("textarea[name=text]")!;
  const lines = text.value.split("\n");
  const from = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  text.focus();
  text.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  text.scrollTop = Math.max(0, (line - 4) * (text.scrollHeight / Math.max(1, lines.length)));
}

function figures(draft: Draft): void {
  document.querySelector("[data-figures]")?.replaceChildren(...draft.figures.map(([name, value]) => {
    const pair = element("div", "");
    pair.append(element("dt", "", name), element("dd", "", value));
    return pair;
  }));
  const stop = document.querySelector("[data-stop-words]");
  if (stop) stop.textContent = draft.stop;
}

/** The lines of the drawing told in words: those of this draft's limits behind the three that are always there. */
function keys(plan: Plan | null): void {
  const list = document.querySelector("[data-keys]");
  if (!list || !plan) return;
  for (const old of all("[data-keys] > [class^=limit-]")) old.remove();
  list.append(...plan.limits.map((line) => element("li", `limit-${line.whose}`, line.text)));
}

export function element(tag: string, look: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (look) made.className = look;
  if (text) made.textContent = text;
  return made;
}
