"""What a heatmap costs beyond scoring its patches: the pipeline, and the whole command.

    python benchmarks/heatmap.py [--repeats 3] [--runtime tensorflow] [--runtime openvino]

Makes a 40x slide with about 2,000 patches to score, and measures in one run, each in processes of
their own:

- the frozen graph fed from memory, and the rate at which `score_slide` scores the slide's patches
  while threads read them (asked: at least 0.9 of it);
- `wsi-idc heatmap SLIDE` from start to end, against importing the runtime, loading the model and
  scoring as many patches from memory (asked: at most 1.5 times).

Both for TensorFlow, and for OpenVINO where it is installed. Exit status 1: a bound is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from measuring import COMMAND
from slides import make_slide

SIDE = 52_000
"""Level-0 pixels, 13 mm: 0.48 of it is tissue, some 2,000 patches at a stride of 200 µm."""

LEAST_OF_MEMORY, MOST_OF_PARTS = 0.9, 1.5
RUNTIMES = ("tensorflow", "openvino")
_WARM_UP = 256


def scoring(slide: Path, runtime: str) -> dict[str, float]:
    """Seconds of import, model and scoring from a cold start, then both rates, warm."""
    began = time.perf_counter()
    from wsi_idc.model.runtime import load_openvino, load_tensorflow

    if runtime == "openvino":
        load_openvino()
    else:
        load_tensorflow("cpu")
    imported = time.perf_counter()
    from wsi_idc.model.scorer import load_model

    scorer = load_model(device="cpu", runtime=runtime)
    loaded = time.perf_counter()
    from wsi_idc.heatmap.scoring import ScoreSettings, plan_slide, score_slide
    from wsi_idc.slides import SlideSource

    source = SlideSource(slide)
    with source.open() as opened:
        plan = plan_slide(opened, scorer.card, ScoreSettings()).plan
    patches = np.random.default_rng(0).integers(0, 256, (len(plan), 50, 50, 3), np.uint8)
    cold = _seconds(lambda: scorer.predict(patches))
    scorer.predict(patches[:_WARM_UP])
    # In turn, so that a slower spell of the machine meets both.
    memory, pipeline = (
        min(times)
        for times in zip(
            *(
                (
                    _seconds(lambda: scorer.predict(patches)),
                    _seconds(lambda: score_slide(source, plan, scorer)),
                )
                for _ in range(2)
            ),
            strict=True,
        )
    )
    return {
        "patches": len(plan),
        "import": imported - began,
        "load": loaded - imported,
        "score": cold,
        "memory": len(plan) / memory,
        "pipeline": len(plan) / pipeline,
    }


def command(slide: Path, output: Path, runtime: str) -> float:
    """Seconds of the whole command, the start of Python included."""
    return _seconds(
        lambda: subprocess.run(
            [*COMMAND, "heatmap", slide, "-o", output, "--device", "cpu", "--runtime", runtime],
            check=True,
            capture_output=True,
        )
    )


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measure(slide: Path, runtime: str, repeats: int) -> bool:
    """Print the tables of one runtime; whether it keeps both bounds."""
    runs, commands = [], []
    for repeat in range(repeats):
        with get_context("spawn").Pool(1) as pool:
            runs.append(pool.apply(scoring, (slide, runtime)))
        commands.append(command(slide, slide.with_name(f"{runtime}-{repeat}"), runtime))
    best = {name: min(run[name] for run in runs) for name in ("import", "load", "score")}
    parts, whole = sum(best.values()), min(commands)
    memory, pipeline = (max(run[name] for run in runs) for name in ("memory", "pipeline"))
    share = max(run["pipeline"] / run["memory"] for run in runs)
    print(f"{runtime}, {runs[0]['patches']:,.0f} patches scored\n")
    print("| | patches/s | ratio |\n| --- | ---: | ---: |")
    print(f"| network fed from memory | {memory:.0f} | 1 |")
    print(f"| scoring inside heatmap | {pipeline:.0f} | {share:.2f} |\n")
    print("| | seconds | ratio |\n| --- | ---: | ---: |")
    for name, told in (
        ("import", f"import {runtime}"),
        ("load", "load the model"),
        ("score", "score from memory, from a cold start"),
    ):
        print(f"| {told} | {best[name]:.1f} | |")
    print(f"| together | {parts:.1f} | 1 |")
    print(f"| wsi-idc heatmap, all of it | {whole:.1f} | {whole / parts:.2f} |\n")
    return share >= LEAST_OF_MEMORY and whole / parts <= MOST_OF_PARTS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", type=int, default=SIDE, help="of the slide, level-0 pixels")
    parser.add_argument("--runtime", action="append", choices=RUNTIMES, help="those only")
    options = parser.parse_args()
    here = [name for name in RUNTIMES if find_spec(name)]
    with tempfile.TemporaryDirectory() as temporary:
        slide = Path(temporary) / "section.svs"
        make_slide(slide, options.side, options.side, (1, 4, 16, 32))
        print(f"A 40x slide of {options.side:,} x {options.side:,} px\n")
        kept = [measure(slide, name, options.repeats) for name in options.runtime or here]
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
