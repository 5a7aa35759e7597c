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
from multiprocessing import get_context

import numpy as np

WAYS = {
    "Keras fit as it comes": "fit",
    "Keras fit, jit_compile=False": "fit-no-jit",
    "Keras fit, jit_compile=False, oneDNN": "fit-onednn",
    "step alone on one batch in memory": "step",
    "wsi-idc trainer, with augmentation": "trainer",
}
"""What is compared, slowest first. The step alone is the limit of the network itself."""


def measure(way: str, steps: int, batch_size: int) -> tuple[float, float]:
    """Seconds to the end of the first step, and patches/s from then on."""
    if way in ("fit", "fit-no-jit"):
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    from wsi_idc.model.runtime import load_tensorflow

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
    model = build_model(settings.architecture)
    compile_model(model, settings, steps + 1)
    began = time.perf_counter()
    ends: list[float] = []
    if way.startswith("fit"):
        model.compile(model.optimizer, model.loss, jit_compile="auto" if way == "fit" else False)

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: object = None) -> None:
                ends.append(time.perf_counter())

        model.fit(pixels, label, batch_size=batch_size, epochs=1, verbose=0, callbacks=[Clock()])
    elif way == "step":
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
    rates: dict[str, float] = {}
    print(f"{'':40}{'patches/s':>10}{'first step':>12}")
    for name, way in WAYS.items():
        # XLA on a CPU is so slow that fewer steps will do.
        steps = 2 if way == "fit" else options.steps
        with get_context("spawn").Pool(1) as pool:
            first, rates[way] = pool.apply(measure, (way, steps, options.batch_size))
        print(f"{name:40}{rates[way]:10.1f}{first:10.0f} s", flush=True)
    print(f"trainer / Keras fit as it comes: {rates['trainer'] / rates['fit']:.1f}x")
    best = max(rates.values())
    print(f"trainer / fastest of all: {rates['trainer'] / best:.2f}")


if __name__ == "__main__":
    main()
