// The form of stretches. It is made from what the console read in the text, and asks for changes of the text; it holds no truth of its own.

import { all } from "./wire";

export interface Edit { op: "set" | "add" | "remove" | "move"; at: (string | number)[]; key?: string; value?: unknown; also?: Record<string, unknown> }
export interface Mark { path: (string | number)[]; weight: string; text: string }

type Entry = Record<string, unknown>;
type At = (string | number)[];

const STEPS = ["from_kmh", "to_kmh", "by_kmh", "from_mps", "to_mps", "by_mps", "hold_s"];

/** Wire the form up. `change` is called with what somebody wants changed. */
export function entriesForm(form: HTMLElement, change: (edits: Edit[]) => void): {
  show: (entries: Record<string, unknown[]> | null) => void; mark: (marks: Mark[]) => void; again: () => void;
} {
  const names = JSON.parse(document.querySelector<HTMLElement>("[data-names]")?.dataset["names"] ?? "{}") as Record<string, string>;
  const templates = new Map(all("template[data-form]").map((one) => [one.dataset["form"] ?? "", (one as HTMLTemplateElement).content]));
  const clone = (name: string): HTMLElement => templates.get(name)!.firstElementChild!.cloneNode(true) as HTMLElement;
  const fragment = (name: string): DocumentFragment => templates.get(name)!.cloneNode(true) as DocumentFragment;
  const section = form.querySelector<HTMLElement>("[data-stretches]")!;
  let last: Record<string, unknown[]> | null = null;
  section.hidden = false;

  const blocks = all("[data-block]").map((block) => ({ name: block.dataset["block"] ?? "", list: block.querySelector<HTMLElement>("[data-entries]")!, adds: block.querySelector<HTMLElement>("[data-adds]")! }));
  for (const block of blocks) wireAdds(block.adds, () => [block.name]);

  function wireAdds(adds: HTMLElement, at: () => At): void {
    for (const button of adds.querySelectorAll<HTMLElement>("[data-add]")) {
      button.addEventListener("click", () => change([{ op: "add", at: at(), value: button.dataset["add"] }]));
    }
  }

  /** Rows are kept and filled anew: a field that somebody is in stays as they left it. */
  function list(place: HTMLElement, entries: unknown[], at: At): void {
    const rows = [...place.children] as HTMLElement[];
    for (const row of rows.slice(entries.length)) row.remove();
    entries.forEach((entry, n) => {
      const known = typeof entry === "object" && entry !== null && !Array.isArray(entry) ? (entry as Entry) : {};
      const shape = shapeOf(known);
      let row = place.children[n] as HTMLElement | undefined;
      if (!row || row.dataset["shape"] !== shape) {
        const made = rowFor(known, shape);
        if (row) row.replaceWith(made); else place.append(made);
        row = made;
      }
      fillRow(row, known, [...at, n], n, entries.length);
    });
  }

  function shapeOf(entry: Entry): string {
    const speed = "speed_mps" in entry ? "speed_mps" : "speed_kmh";
    const steps = entry["steps"] as Entry | undefined;
    return [kindOf(entry), speed, steps && "from_mps" in steps ? "mps" : "kmh"].join(" ");
  }

  function rowFor(entry: Entry, shape: string): HTMLElement {
    const row = clone("row");
    const kind = kindOf(entry);
    row.dataset["shape"] = shape;
    const at = (): At => JSON.parse(row.dataset["at"] ?? "[]") as At;
    const fields = row.querySelector<HTMLElement>("[data-fields]")!;
    row.querySelector("[data-kind]")!.textContent = names[kind] ?? kind;
    wireText(row.querySelector<HTMLInputElement>("[data-key=label]")!, (value) => change([{ op: "set", at: at(), key: "label", value }]));
    if (kind === "stair") {
      const unit = shape.endsWith("mps") ? "mps" : "kmh";
      for (const key of [`from_${unit}`, `to_${unit}`, `by_${unit}`, "hold_s"]) {
        fields.append(number(key, (value) => change([{ op: "set", at: at(), key: "steps", value: { ...stepsOf(row), [key]: value } }]), `steps.${key}`));
      }
    } else if (kind === "rounds") {
      fields.append(number("repeat", (value) => change([{ op: "set", at: at(), key: "repeat", value: Math.round(value) }])));
      const adds = row.querySelector<HTMLElement>(":scope > [data-adds]")!;
      adds.hidden = false;
      wireAdds(adds, () => [...at(), "parts"]);
    } else {
      fields.append(length(row, at));
      if (kind === "belt") {
        const speed = shape.split(" ")[1] ?? "speed_kmh";
        fields.append(number(speed, (value) => change([{ op: "set", at: at(), key: speed, value }])));
      }
    }
    if (kind === "belt" || kind === "stair") {
      fields.append(number("grade_percent", (value) => change([{ op: "set", at: at(), key: "grade_percent", value }])));
      const hands = fragment("hands");
      const select = hands.querySelector("select")!;
      select.addEventListener("change", () => change([{ op: "set", at: at(), key: "hands", value: select.value }]));
      fields.append(hands);
    }
    if (kind !== "rounds") {
      const prompts = fragment("prompts");
      const boxes = [...prompts.querySelectorAll<HTMLInputElement>("[data-prompt]")];
      for (const box of boxes) {
        box.addEventListener("change", () => change([{ op: "set", at: at(), key: "prompts", value: boxes.filter((b) => b.checked).map((b) => b.dataset["prompt"]) }]));
      }
      fields.append(prompts);
    }
    for (const button of row.querySelectorAll<HTMLElement>(":scope > .head [data-do]")) {
      button.addEventListener("click", () => {
        const what = button.dataset["do"];
        change([what === "remove" ? { op: "remove", at: at() } : { op: "move", at: at(), value: what === "up" ? -1 : 1 }]);
      });
    }
    return row;
  }

  function number(key: string, wanted: (value: number) => void, name = key): DocumentFragment {
    const made = fragment("number");
    made.querySelector("[data-name]")!.textContent = names[key] ?? key;
    const input = made.querySelector("input")!;
    input.dataset["key"] = name;
    wireNumber(input, wanted);
    return made;
  }

  function length(row: HTMLElement, at: () => At): DocumentFragment {
    const made = fragment("length");
    const input = made.querySelector("input")!;
    const unit = made.querySelector<HTMLSelectElement>("[data-unit]")!;
    input.dataset["key"] = "length";
    const set = (value: number): void => {
      const other = unit.value === "minutes" ? "seconds" : "minutes";
      change([{ op: "set", at: at(), key: unit.value, value, also: row.dataset["unit"] === unit.value ? {} : { [other]: null } }]);
    };
    wireNumber(input, set);
    unit.addEventListener("change", () => {
      const value = parse(input.value);
      if (value !== null) set(unit.value === "seconds" ? round(value * 60) : round(value / 60));
    });
    return made;
  }

  function wireNumber(input: HTMLInputElement, wanted: (value: number) => void): void {
    input.addEventListener("change", () => {
      const value = parse(input.value);
      input.setCustomValidity(value === null ? (names["number"] ?? "") : "");
      if (value === null) input.reportValidity();
      else wanted(value);
    });
  }

  function fillRow(row: HTMLElement, entry: Entry, at: At, n: number, count: number): void {
    row.dataset["at"] = JSON.stringify(at);
    row.querySelector("[data-no]")!.textContent = `${n + 1}`;
    row.querySelector(":scope > .head [data-do=up]")!.toggleAttribute("disabled", n === 0);
    row.querySelector(":scope > .head [data-do=down]")!.toggleAttribute("disabled", n === count - 1);
    put(row.querySelector(":scope > .head [data-key=label]"), entry["label"]);
    const fields = row.querySelector<HTMLElement>(":scope > [data-fields]")!;
    const steps = (entry["steps"] ?? {}) as Entry;
    for (const key of STEPS) put(fields.querySelector(`[data-key="steps.${key}"]`), steps[key]);
    for (const key of ["speed_kmh", "speed_mps", "repeat"]) put(fields.querySelector(`[data-key="${key}"]`), entry[key]);
    put(fields.querySelector("[data-key=grade_percent]"), entry["grade_percent"] ?? 0);
    put(fields.querySelector("[data-key=hands]"), entry["hands"] ?? "on");
    const unit = "seconds" in entry ? "seconds" : "minutes";
    row.dataset["unit"] = unit in entry ? unit : "";
    put(fields.querySelector("[data-unit]"), unit);
    put(fields.querySelector("[data-key=length]"), entry[unit]);
    const asked = Array.isArray(entry["prompts"]) ? entry["prompts"] : [];
    for (const box of fields.querySelectorAll<HTMLInputElement>("[data-prompt]")) box.checked = asked.includes(box.dataset["prompt"]);
    const parts = row.querySelector<HTMLElement>(":scope > [data-entries]")!;
    list(parts, Array.isArray(entry["parts"]) ? entry["parts"] : [], [...at, "parts"]);
  }

  return {
    show(entries) {
      section.querySelector<HTMLElement>("[data-unreadable]")!.hidden = entries !== null;
      section.classList.toggle("pale", entries === null);
      for (const field of section.querySelectorAll("input, select, button")) field.toggleAttribute("inert", entries === null);
      if (!entries) return;
      last = entries;
      for (const block of blocks) list(block.list, Array.isArray(entries[block.name]) ? (entries[block.name] ?? []) : [], [block.name]);
    },
    mark(marks) {
      for (const row of section.querySelectorAll<HTMLElement>("[data-entry]")) {
        const at = JSON.parse(row.dataset["at"] ?? "[]") as At;
        const mine = marks.filter((m) => m.path.length >= at.length && at.every((part, n) => m.path[n] === part) && m.path[at.length] !== "parts");
        const here = row.querySelector<HTMLElement>(":scope > [data-here]")!;
        here.replaceChildren(...mine.map((m) => { const line = document.createElement("li"); line.className = m.weight; line.textContent = m.text; return line; }));
        for (const field of row.querySelectorAll<HTMLElement>(":scope > .head [data-key], :scope > [data-fields] [data-key]")) {
          const key = field.dataset["key"] ?? "";
          const wrong = mine.some((m) => m.weight !== "note" && named(m.path.slice(at.length), key));
          if (wrong) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
        }
      }
    },
    again() { if (last) this.show(last); },
  };
}

function kindOf(entry: Entry): string {
  if (entry["kind"] === "floor" || entry["kind"] === "rounds") return String(entry["kind"]);
  return "steps" in entry ? "stair" : "belt";
}

/** Whether the rest of a path is about this field. */
function named(rest: At, key: string): boolean {
  if (rest.length === 0) return false;
  if (key === "length") return rest[0] === "minutes" || rest[0] === "seconds";
  return key === rest.join(".") || (rest[0] === "steps" && rest.length === 1 && key.startsWith("steps."));
}

function stepsOf(row: HTMLElement): Record<string, number> {
  const found: Record<string, number> = {};
  for (const input of row.querySelectorAll<HTMLInputElement>(":scope > [data-fields] [data-key^='steps.']")) {
    const value = parse(input.value);
    if (value !== null) found[(input.dataset["key"] ?? "").slice("steps.".length)] = value;
  }
  return found;
}

function wireText(input: HTMLInputElement, wanted: (value: string) => void): void {
  input.addEventListener("change", () => wanted(input.value));
}

/** A number as somebody writes it, with a point or a comma. */
function parse(written: string): number | null {
  const plain = written.trim().replace(",", ".");
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : null;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function put(field: Element | null, value: unknown): void {
  if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement) || field === document.activeElement) return;
  const wanted = typeof value === "number" || typeof value === "string" ? String(value) : "";
  if (field.value !== wanted) field.value = wanted;
}
