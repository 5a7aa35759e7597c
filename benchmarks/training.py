"""Training speed on a CPU: this trainer against Keras `fit`, same network, same patches.

    python benchmarks/training.py [--steps 8] [--batch-size 64]

Each way runs in a process of its own, since what makes TensorFlow fast on a CPU must be set
before it is imported. The first steps, in which the network is traced, are not counted; how
long they take is told apart.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from wsi_idc.model.runtime import multiplies_bfloat16


@dataclass(frozen=True)
class Way:
    """One way to train: `fit` of Keras, the bare step on one batch, or this package's trainer."""

    name: str
    kind: str
    precision: str = "float32"
    jit: bool | str = False
    onednn: bool = True


WAYS = (
    Way("Keras fit as it comes", "fit", jit="auto", onednn=False),
    Way("Keras fit, jit_compile=False", "fit", onednn=False),
    Way("Keras fit, jit_compile=False, oneDNN", "fit"),
    Way("Keras fit, jit_compile=False, oneDNN, bfloat16", "fit", precision="bfloat16"),
    Way("step alone on one batch in memory", "step"),
    Way("step alone, bfloat16", "step", precision="bfloat16"),
    Way("wsi-idc trainer, with augmentation", "trainer", precision="auto"),
)
"""What is compared. The step alone is the limit of the network itself. bfloat16 is left out on
processors that do not multiply it natively, where it is slower than float32."""


def measure(way: Way, steps: int, batch_size: int) -> tuple[float, float]:
    """Seconds to the end of the first step, and patches/s from then on."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(way.onednn))
    from wsi_idc.model.runtime import dtype_policy, load_tensorflow, training_policy

    tf = load_tensorflow("cpu")
    import keras

    from wsi_idc.model.architecture import build_model
    from wsi_idc.model.data import Side
    from wsi_idc.model.epochs import EpochRunner, compile_model, training_strategy
    from wsi_idc.model.settings import TrainSettings

    settings = TrainSettings(batch_size=batch_size, weights="none", epochs=1)
    rng = np.random.default_rng(0)
    count = batch_size * (steps + 1)
    pixels = rng.integers(0, 256, (count, 50, 50, 3), np.uint8)
    side = Side(pixels, np.arange(count) % 2, np.array(["a"] * count, object), 0)
    label = side.label[:, None].astype(np.float32)
    with dtype_policy(training_policy(way.precision)):
        model = build_model(settings.architecture)
    compile_model(model, settings, steps + 1)
    began = time.perf_counter()
    ends: list[float] = []
    if way.kind == "fit":
        model.compile(model.optimizer, model.loss, jit_compile=way.jit)

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: object = None) -> None:
                ends.append(time.perf_counter())

        model.fit(pixels, label, batch_size=batch_size, epochs=1, verbose=0, callbacks=[Clock()])
    elif way.kind == "step":
        batch = tuple(tf.constant(part[:batch_size]) for part in (pixels, label))
        step = tf.function(model.train_step, jit_compile=None)
        for _ in range(steps + 1):
            float(step(batch)["loss"])
            ends.append(time.perf_counter())
    else:
        runner = EpochRunner(model, side, settings, steps + 1, training_strategy())
        runner.run(0, lambda *_: ends.append(time.perf_counter()))
    return ends[0] - began, steps * batch_size / (ends[-1] - ends[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    rates: dict[Way, float] = {}
    print(f"| {'way':46} | patches/s | first step | of the fastest |")
    print(f"| {'-' * 46} | ---: | ---: | ---: |")
    ways = [way for way in WAYS if way.precision != "bfloat16" or multiplies_bfloat16()]
    firsts = {}
    for way in ways:
        # XLA on a CPU is so slow that fewer steps will do.
        steps = 2 if way.jit else options.steps
        with get_context("spawn").Pool(1) as pool:
            firsts[way], rates[way] = pool.apply(measure, (way, steps, options.batch_size))
    best = max(rates.values())
    for way, rate in rates.items():
        print(f"| {way.name:46} | {rate:.1f} | {firsts[way]:.0f} s | {rate / best:.2f} |")
    print(f"\ntrainer / Keras fit as it comes: {rates[ways[-1]] / rates[ways[0]]:.1f}")


if __name__ == "__main__":
    main()
