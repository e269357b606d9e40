// What the screen at the machine needs beside the pages: it stays awake, sounds an alarm, and can be wiped without touching anything.

import type { Live } from "./wire";

/** Keep the screen on while it is looked at. */
export function awake(): void {
  const request = (): void => { void navigator.wakeLock?.request("screen").catch(() => undefined); };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) request(); });
  request();
}

/** Sounds: a stop sounds three falling tones at once and every five seconds, something held a single soft one. */
export function alarm(): (live: Live) => void {
  let audio: AudioContext | undefined;
  let sounded = 0;
  let last = "";
  const wake = (): void => { audio ??= new AudioContext(); };
  document.addEventListener("pointerdown", wake, { once: true });
  const tone = (hertz: number, at: number, length: number): void => {
    if (!audio) return;
    const source = audio.createOscillator();
    const level = audio.createGain();
    source.frequency.value = hertz;
    level.gain.setValueAtTime(0.0001, audio.currentTime + at);
    level.gain.exponentialRampToValueAtTime(0.4, audio.currentTime + at + 0.02);
    level.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + at + length);
    source.connect(level).connect(audio.destination);
    source.start(audio.currentTime + at);
    source.stop(audio.currentTime + at + length);
  };
  return (live) => {
    const now = performance.now();
    const present = (live.causes ?? []).some((cause) => cause.present);
    if (live.look === "tripped" && (last !== "tripped" || (present && now - sounded > 5000))) {
      sounded = now;
      [880, 740, 587].forEach((hertz, index) => tone(hertz, index * 0.18, 0.16));
    } else if (live.look === "held" && last === "moving") {
      tone(660, 0, 0.2);
    }
    last = live.look;
  };
}

/** Cleaning: for twenty seconds nothing on the screen but stop takes a touch. */
export function cleaning(): void {
  const button = document.querySelector<HTMLElement>("[data-clean]");
  button?.addEventListener("click", () => {
    const cover = document.createElement("div");
    cover.className = "cover";
    cover.setAttribute("role", "status");
    document.body.append(cover);
    let left = 20;
    const tick = (): void => {
      cover.textContent = `${document.body.dataset["locked"] ?? ""} ${left} s`;
      if (left-- <= 0) cover.remove();
      else setTimeout(tick, 1000);
    };
    tick();
  });
}
