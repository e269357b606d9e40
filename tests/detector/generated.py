"""Generated waist signals, and folders of them: a gait that sways and bounces, a fall that turns by 85 degrees about one axis and hits."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FORCE_PER_COUNT, RATE_PER_COUNT = 1 / 256, 4000 / 65536
HEAD = ("key", "activity", "person", "trial", "samples")


def waist(seconds: float, rate_hz: float = 200.0, impact_s: float | None = None, seed: int = 1, lively: float = 0.25) -> Array:
    """(n, 6): force in g and rate in degrees/s, which turn consistently."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    upright = np.ones_like(t) if impact_s is None else np.clip((impact_s - t) / 0.6, 0.0, 1.0)
    angle = upright * np.radians(5.0) * np.sin(2 * np.pi * 0.9 * t) + np.radians(85.0) * 0.5 * (1.0 + np.cos(np.pi * upright))
    gravity = np.stack([-np.sin(angle), np.zeros_like(t), np.cos(angle)], axis=1)
    bounce = 1.0 + upright * lively * np.sin(2 * np.pi * 1.8 * t + 0.4)
    if impact_s is not None:
        bounce += 3.0 * np.exp(-(((t - impact_s) / 0.02) ** 2))
    force = gravity * bounce[:, None] + rng.normal(0.0, 0.01, (len(t), 3))
    yaw = upright * 35.0 * np.sin(2 * np.pi * 0.9 * t + 1.0)
    rate = yaw[:, None] * gravity + rng.normal(0.0, 0.5, (len(t), 3))
    rate[:, 1] += np.degrees(np.gradient(angle, 1.0 / rate_hz))
    return np.concatenate([force, rate], axis=1)


def counts(signal: Array) -> NDArray[np.int16]:
    """As a 16-bit sensor stores it."""
    return np.rint(signal / np.repeat([FORCE_PER_COUNT, RATE_PER_COUNT], 3)).astype(np.int16)


@dataclass
class Folder:
    """A folder of recordings: `add` trials, `write` it."""

    path: Path
    rows: list[dict[str, str]] = field(default_factory=list)
    arrays: dict[str, dict[str, NDArray[np.generic]]] = field(default_factory=dict)

    def add(self, activity: str = "D01", person: str = "SA01", signal: NDArray[np.generic] | None = None, trial: str | None = None, **more: str) -> str:
        if signal is None:
            impact_s = 6.0 if activity.startswith("F") else None
            signal = counts(waist(12.0, impact_s=impact_s, seed=len(self.rows) + 1))
        trial = trial or f"{1 + sum(r['activity'] == activity and r['person'] == person for r in self.rows):02d}"
        key = f"{activity}_{person}_R{trial}"
        self.arrays.setdefault(activity, {})[key] = signal
        self.rows.append({"key": key, "activity": activity, "person": person, "trial": trial, "samples": str(len(signal)), **more})
        return key

    def write(self, toml: str = "") -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        for activity, arrays in self.arrays.items():
            np.savez(self.path / f"{activity}.npz", allow_pickle=False, **arrays)  # type: ignore[arg-type]
        with (self.path / "index.csv").open("w", newline="", encoding="utf-8") as handle:
            names = dict.fromkeys((*HEAD, *(name for row in self.rows for name in row)))
            writer = csv.DictWriter(handle, list(names), restval="")
            writer.writeheader()
            writer.writerows(self.rows)
        if toml:
            (self.path / "dataset.toml").write_text(toml, encoding="utf-8")
        return self.path


def description(rate_hz: float = 100.0, force: str = '["ax", "ay", "az"]', rate: str = '["gx", "gy", "gz"]', time: str = '"t"') -> str:
    """A dataset.toml in physical units."""
    return f"""format = 1
name = "generated"
rate_hz = {rate_hz}
{f"time_column = {time}" if time else ""}
[force]
columns = {force}
[rate]
columns = {rate}
[activities.walk]
kind = "walk"
calibration = true
[activities.fall]
kind = "fall"
"""


def write_trial(path: Path, signal: Array, rate_hz: float = 100.0, names: str = "t,ax,ay,az,gx,gy,gz", separator: str = ",") -> None:
    """A .csv with a line of names, time first."""
    lines = [separator.join(names.split(","))] if names else []
    for index, row in enumerate(signal):
        lines.append(separator.join([f"{index / rate_hz:.4f}", *(f"{value:.5f}" for value in row)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
