// The feed from the console: server-sent events, reconnected for as long as the page is open.

import { silent, show } from "./live";
import type { Live } from "./wire";

const STALE_MS = 1000;
export type Listener = (live: Live) => void;

/** Follow the machine; `listeners` hear each state after it is shown. */
export function follow(listeners: Listener[]): void {
  let heard = performance.now();
  let source: EventSource | undefined;
  const open = (): void => {
    source?.close();
    source = new EventSource("/api/v1/live");
    source.addEventListener("state", (message) => {
      heard = performance.now();
      const live = JSON.parse((message as MessageEvent<string>).data) as Live;
      show(live);
      for (const listener of listeners) listener(live);
    });
  };
  open();
  // A browser opens some six connections to one address, for all its tabs together: what nobody looks at must not keep a stop waiting for one.
  const close = (): void => source?.close();
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  document.addEventListener("submit", (event) => { if ((event.target as HTMLElement).matches("[data-stop]")) { close(); setTimeout(open, 400); } }, true);
  const words = document.body.dataset["silent"] ?? "{age}";
  setInterval(() => {
    const quiet = performance.now() - heard;
    if (quiet > STALE_MS) silent(quiet / 1000, words);
    // A connection that says nothing for five seconds is dead, whatever the browser thinks of it.
    if (quiet > 5000 && !document.hidden && source?.readyState !== EventSource.CONNECTING) open();
  }, 250);
}
