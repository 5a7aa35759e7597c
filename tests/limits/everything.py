"""Make every kind of output without a network. Usage: SLIDE TRUTH PATCHES OUTPUT THREADS

A process of its own, so that it can be run with other hash seeds, threads and clocks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import small_cohorts
from numpy.typing import NDArray

from wsi_idc.heatmap.judge import JudgeSettings, judged_units
from wsi_idc.heatmap.judge_cohort import score_cohort, write_cohort
from wsi_idc.heatmap.predict import predict_slide, render_again
from wsi_idc.model.evaluation import evaluate, write_judgement
from wsi_idc.patches import find_patches
from wsi_idc.slides import SlideSource
from wsi_idc.split_file import write_split
from wsi_idc.splits import split_by_patient
from wsi_idc.tiling.formats import FORMATS
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import tile_slide


class WholeScorer(small_cohorts.MeanScorer):
    """As `evaluate` asks a model."""

    def predict(self, patches: NDArray[np.uint8], *, tta: bool = False) -> NDArray[np.float32]:
        return self.predict_classes(patches, tta=tta)[:, 0]


EXPORTS = {"parquet": True, "eight_bit_map": True}


def main() -> None:
    slide, truth, patches, output = map(Path, sys.argv[1:5])
    threads = int(sys.argv[5])
    source = SlideSource(slide)
    for format in FORMATS:
        settings = TileSettings(format=format, stride=25)
        tile_slide(source, output / format, settings, truth=truth, threads=threads)
    scorer = WholeScorer(small_cohorts.card())
    result = output / "maps" / slide.stem
    predict_slide(source, scorer, result, export=EXPORTS, display={"width_px": 400})
    render_again(result, threshold=0.55)
    judged = {slide.stem: judged_units(result, truth, JudgeSettings())}
    write_cohort(score_cohort(judged), output / "judged")
    write_judgement(evaluate(scorer, patches), output / "evaluated")
    split = split_by_patient(find_patches(patches).table, val_fraction=0.25, test_fraction=0.25)
    write_split(output / "split.csv", split)


if __name__ == "__main__":
    main()
