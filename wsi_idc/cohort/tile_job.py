"""`wsi-idc tile` over a cohort: what is done with each slide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wsi_idc.cohort.task import SlideDone, SlideStep, SlideTask
from wsi_idc.progress import Progress
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import TileResult, tile_slide


@dataclass(frozen=True)
class TileJob:
    """Cut each slide into patches; the attributes are arguments of `tile_slide`."""

    output: Path
    settings: TileSettings
    overwrite: bool = False

    def step(self) -> SlideStep:
        """Nothing has to be made ready."""
        return self._tile

    def _tile(self, task: SlideTask, progress: Progress) -> SlideDone:
        result = tile_slide(
            task.source,
            self.output,
            self.settings,
            patient=task.patient,
            truth=task.truth,
            tissue=task.tissue,
            roi=task.roi,
            overwrite=self.overwrite,
            progress=progress,
        )
        return SlideDone(
            folder=result.folder,
            said=self._in_words(result, task),
            patches=result.patches,
            tissue_mm2=result.tissue_mm2,
            warnings=result.warnings,
            skipped=result.skipped,
        )

    def _in_words(self, result: TileResult, task: SlideTask) -> str:
        labels = f" ({result.positive} IDC, {result.negative} other)" if task.truth else ""
        left_out = ""
        if self.settings.exclude_border:
            left_out += f", {result.border_left_out} at the border left out"
        if getattr(task.truth, "ignore_classes", ()):
            left_out += f", {result.ignored_left_out} touching ignored areas left out"
        done_before = ", done before" if result.skipped else ""
        return (
            f"{task.source.file}: {result.patches:,} patches{labels}{left_out} from "
            f"{result.tissue_mm2:.1f} mm² of tissue{done_before} -> {result.folder}"
        )
