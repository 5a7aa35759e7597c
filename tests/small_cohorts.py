"""Cohorts of small slides, and a job that maps them with a model that needs no TensorFlow."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_idc.cohort.heatmap_job import HeatmapJob
from wsi_idc.cohort.run import LocalCrew, run_cohort
from wsi_idc.cohort.task import SlideTask
from wsi_idc.heatmap.scoring import ScoreSettings
from wsi_idc.model.card import ModelCard
from wsi_idc.phantom.slide_writer import Vendor, write_slide
from wsi_idc.slides import Slide, SlideSource

COMMAND = 'import sys; from wsi_idc.cli import main; sys.argv[0] = "wsi-idc"; main()'
"""A Python program that is the command, for one that may be installed under another name."""


def write_section(
    path: Path,
    seed: int,
    *,
    columns: int = 300,
    rows: int = 260,
    mpp: float | None = 8.0,
    vendor: Vendor = "generic",
    is_glass: bool = False,
) -> Path:
    """A slide, at 8 µm/px in truth, whose middle is pink, with some blue, and the rest glass."""
    rng = np.random.default_rng(seed)
    pixels = np.full((rows, columns, 3), 243, np.uint8)
    if not is_glass:
        tissue = pixels[40:-40, 40:-40]
        tissue[:] = (215, 150, 190)
        tissue -= rng.integers(0, 30, tissue.shape[:2], np.uint8)[..., None]
    write_slide(
        path,
        lambda y0, y1: pixels[y0:y1],
        columns,
        rows,
        mpp=mpp,
        vendor=vendor,
        downsamples=(1,),
        compression="deflate",
    )
    return path


def write_sections(folder: Path, count: int) -> Path:
    """A folder of so many slides, no two alike: s00.tif, s01.tif, …"""
    for number in range(count):
        write_section(folder / f"s{number:02}.tif", number)
    return folder


@dataclass(frozen=True)
class FaultySource(SlideSource):
    """A slide whose reader does harm: what happens to the process tells no exception."""

    fault: str = "segfault"

    def open(self) -> Slide:
        if self.fault == "segfault":
            ctypes.string_at(0)
        if self.fault == "kill":  # as a system that runs out of memory does
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            time.sleep(1)


class MeanScorer:
    """Scores a patch by its redness: any function of the pixels does to test what is around it."""

    batch_size = 16
    runtime = "numpy"

    def __init__(self, card: ModelCard, seconds_a_batch: float = 0.0) -> None:
        self.card = card
        self._seconds = seconds_a_batch

    def predict_classes(
        self, patches: NDArray[np.uint8], *, tta: bool = False
    ) -> NDArray[np.float32]:
        time.sleep(self._seconds)
        red, blue = (patches[..., i].mean(axis=(1, 2), dtype=np.float64) for i in (0, 2))
        return (red / (red + blue)).astype(np.float32)[:, None]


def card() -> ModelCard:
    from wsi_idc.model.folder import model_folder, read_card

    return read_card(model_folder(None))


def load_scorer(card: ModelCard, seconds_a_batch: float, loads: Path | None) -> MeanScorer:
    """As a model is loaded; `loads` gets a line with the numbers of the process and its parent."""
    if loads is not None:
        with loads.open("a") as file:
            file.write(f"{os.getpid()} {os.getppid()}\n")
    return MeanScorer(card, seconds_a_batch)


def mapping(output: Path, seconds_a_batch: float = 0.0, loads: Path | None = None) -> HeatmapJob:
    model = card()
    load = partial(load_scorer, model, seconds_a_batch, loads)
    return HeatmapJob(  # pictures as small as they may be: to draw them takes most of the time
        output,
        model,
        load,
        ScoreSettings(),
        display={"width_px": 400},  # type: ignore[arg-type]
    )


def tasks_of(folder: Path) -> list[SlideTask]:
    return [SlideTask(SlideSource(path)) for path in sorted(folder.glob("*.tif"))]


def files_below(folder: Path) -> dict[str, bytes]:
    """What stands under final names, but for what tells times.

    Names that begin with a dot are not looked into: a child that has lost its parent may be
    clearing them away at that moment.
    """
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and name not in ("run.json", "cohort.csv"):
                path = Path(place) / name
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def environment() -> dict[str, str]:
    """Variables with which a fresh Python finds this module and what it needs."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return {**os.environ, "PYTHONPATH": path}


def main() -> None:
    """Map a folder of slides with one worker, as the command does. Usage: SLIDES OUTPUT."""
    from wsi_idc.cohort.records import write_tables

    slides, output = Path(sys.argv[1]), Path(sys.argv[2])
    with LocalCrew(mapping(output), 1, None, lambda *_: None) as crew:
        for outcome in run_cohort(crew, tasks_of(slides)):
            assert outcome.done is not None, outcome.failure
    write_tables(output)


if __name__ == "__main__":
    # The child must find the job's class in a module that it can import.
    import small_cohorts

    small_cohorts.main()
