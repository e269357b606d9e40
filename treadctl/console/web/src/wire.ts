// What the console sends to a page (treadctl/console/view.py), and how a page asks for something.

export interface Mark { name: string; good: boolean; age: string }
export interface Rail { text: string; percent: number; old: boolean }
export interface Cause { id: string; sentence: string; remedy: string; present: boolean; action: string }
export interface Step { text: string; done: boolean }
export interface Series { at_s: number; measured: number | null; commanded: number | null; elapsed_s: number | null }

export interface Live {
  number: number; state: string; word: string; icon: string; look: string; stale: boolean; unit: string; banner: string;
  measured?: string; commanded?: string; old_belt?: boolean; arrow?: string; direction?: string; facing?: string; grade?: string; left?: string;
  program?: string; segment?: string; rails?: Rail[]; balance?: string; level?: string; interlocks?: Mark[]; causes?: Cause[]; blockers?: string[];
  arming?: string; prompt?: string; steps?: Step[]; series?: Series; resumable?: boolean;
}

export interface Answer { ok: boolean; status: number; words: string; body: Record<string, unknown> }

/** Ask the console for something. Never throws: an answer that did not come, in `patience` milliseconds where given, says so in words. */
export async function ask(path: string, body: unknown, method = "POST", patience?: number): Promise<Answer> {
  try {
    const answer = await fetch(path, {
      method,
      ...(patience === undefined ? {} : { signal: AbortSignal.timeout(patience) }),
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": document.body.dataset["csrf"] ?? "" },
      body: JSON.stringify(body),
    });
    const found = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
    return { ok: answer.ok, status: answer.status, words: String(found["detail"] ?? found["title"] ?? ""), body: found };
  } catch (error) {
    return { ok: false, status: 0, words: document.body.dataset["unheard"] ?? String(error), body: {} };
  }
}

/** A number with so many decimals, as the language of the page writes it. */
export function figure(value: number, digits: number): string {
  return new Intl.NumberFormat(document.documentElement.lang.replace("_", "-"), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** The elements of a page by a data attribute. */
export function all(selector: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(selector)];
}

/** Put `count` children into a list by `fill`, touching only what changed, so that a screen reader is not told the same again and again. */
export function fill(list: Element, texts: { text: string; look: string }[], tag = "li"): void {
  while (list.children.length > texts.length) list.lastElementChild?.remove();
  texts.forEach((wanted, index) => {
    const child = list.children[index] ?? list.appendChild(document.createElement(tag));
    if (child.textContent !== wanted.text) child.textContent = wanted.text;
    if (child.className !== wanted.look) child.className = wanted.look;
  });
}
