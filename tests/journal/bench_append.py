"""Cost and size of one journaled step of the real core. Run by hand: python tests/journal/bench_append.py"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from treadctl.core.controller import Inputs, initial_state, step
from treadctl.core.limits import Limits
from treadctl.core.sample import ChannelId
from treadctl.core.setup import CordWiring, Setup
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions, verify
from treadctl.journal._batch import BatchBuilder
from treadctl.journal.core_schema import core_schema
from treadctl.testing.builders import contact, drive_sample, healthy_sample, level, motion

LIMITS = Limits(5.0, 3.0, 0.5, 0.8, 1.0, 1.0, 2.0, 15.0, 0.5, 3600.0)
SETUP = Setup(LIMITS, frozenset({ChannelId.CORD_A, ChannelId.CORD_B, ChannelId.ESTOP, ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT}), CordWiring.DRIVE_ENABLE)
STEPS = 6000


def run() -> None:
    """Print the figures."""
    rng = random.Random(7)  # noqa: S311 - a repeatable course, nothing secret
    now_s = 12345.678901
    state = initial_state(SETUP, now_s)
    drive_s = sensor_s = now_s
    rails, speed = (30.0, 31.0), 1.0
    steps = []
    for number in range(STEPS):  # sensor frames at 100 Hz, drive polls at 25 Hz
        now_s += 0.01 + rng.random() * 2e-4
        sensor_s = now_s - 0.0004
        rails = (30 + rng.gauss(0, 3), 31 + rng.gauss(0, 3))
        speed = 1.0 + rng.gauss(0, 0.01)
        if number % 4 == 0:
            drive_s = now_s - 0.001
        age_s = now_s - sensor_s
        sample = healthy_sample(
            drive=drive_sample(1.0, age_s=now_s - drive_s),
            cord_a=contact(True, age_s),
            cord_b=contact(True, age_s),
            estop=contact(True, age_s),
            attendant=contact(True, age_s),
            harness=contact(True, age_s),
            enable_feedback=contact(True, age_s),
            rail_left=level(rails[0], age_s),
            rail_right=level(rails[1], age_s),
            belt=motion(speed, age_s=age_s),
        )
        inputs = Inputs(sample)
        state, output = step(state, inputs, now_s)
        steps.append((now_s, inputs, output, state))
    builder = BatchBuilder(core_schema(), state)
    encode_us, sizes = [], []
    gc.disable()
    for number, (now_s, inputs, output, after) in enumerate(steps):
        if number % 20 == 0:
            builder.take()
        before = builder.size
        begun = time.perf_counter()
        builder.add_step(now_s, inputs, output, after, 0)
        encode_us.append((time.perf_counter() - begun) * 1e6)
        if number % 20:
            sizes.append(builder.size - before)
    with tempfile.TemporaryDirectory() as folder:
        append_us = []
        with JournalWriter(
            Path(folder), core_schema(), SETUP, initial_state(SETUP, 0.0), 0.0, MachineInfo("bench", "0", "x"), options=WriterOptions()
        ) as writer:
            for number, (now_s, inputs, output, after) in enumerate(steps):
                begun = time.perf_counter()
                writer.append_step(now_s, inputs, output, after)
                append_us.append((time.perf_counter() - begun) * 1e6)
                if number % 200 == 199:
                    writer.flush(10.0)
        report = verify(Path(folder))
    gc.enable()
    append_us.sort()
    sys.stdout.write(f"encode: median {statistics.median(encode_us):.1f} us; {statistics.mean(sizes):.0f} bytes a record before compression\n")
    sys.stdout.write(f"append: median {statistics.median(append_us):.1f} us, p99 {append_us[int(0.99 * STEPS)]:.1f} us\n")
    sys.stdout.write(f"on disk: {report.size_bytes / STEPS:.0f} bytes a step, verified {report.ok}\n")


if __name__ == "__main__":
    run()
