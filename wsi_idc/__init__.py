"""wsi-idc: find invasive ductal carcinoma (IDC) in breast whole-slide images.

For research use only, not for diagnosis.

Importing the package is cheap; TensorFlow is imported when a model is trained or loaded. What
takes a slide takes its file or a `SlideSource`, which says how to open it.

Examples
--------
>>> import wsi_idc
>>> model = wsi_idc.load_model()                                       # doctest: +SKIP
>>> result = wsi_idc.predict_slide("slide.svs", model, "maps/slide")   # doctest: +SKIP
>>> result.summary.positive_mm2                                        # doctest: +SKIP
30.4
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# In the order of the work: slides, patches, models, maps.
_HOME = {
    "WsiIdcError": "errors",
    "Slide": "slides",
    "SlideSource": "slides",
    "open_slide": "slides",
    "AnnotationLabels": "tiling.annotated",
    "RegionOfInterest": "annotations.roi",
    "read_annotations": "annotations.reading",
    "TissueSettings": "tissue",
    "find_tissue": "tissue",
    "TileSettings": "tiling.settings",
    "PatchPlan": "tiling.plan",
    "plan_tiles": "tiling.planning",
    "read_batches": "tiling.blocks",
    "patch_dataset": "model.streaming",
    "tile_slide": "tiling.tile",
    "Architecture": "model.architecture",
    "TrainSettings": "model.settings",
    "train": "model.train",
    "Scorer": "model.scorer",
    "load_model": "model.scorer",
    "evaluate": "model.evaluation",
    "ScoreSettings": "heatmap.scoring",
    "HeatmapResult": "heatmap.result",
    "ProbabilityMap": "heatmap.probability_map",
    "predict_slide": "heatmap.predict",
    "read_result": "heatmap.result",
    "render_again": "heatmap.predict",
    "write_ome_tiff": "heatmap.export.ome_tiff",
}

__all__ = [
    "AnnotationLabels",
    "Architecture",
    "HeatmapResult",
    "PatchPlan",
    "ProbabilityMap",
    "RegionOfInterest",
    "ScoreSettings",
    "Scorer",
    "Slide",
    "SlideSource",
    "TileSettings",
    "TissueSettings",
    "TrainSettings",
    "WsiIdcError",
    "__version__",
    "evaluate",
    "find_tissue",
    "load_model",
    "open_slide",
    "patch_dataset",
    "plan_tiles",
    "predict_slide",
    "read_annotations",
    "read_batches",
    "read_result",
    "render_again",
    "tile_slide",
    "train",
    "write_ome_tiff",
]

if TYPE_CHECKING:
    from wsi_idc.annotations.reading import read_annotations
    from wsi_idc.annotations.roi import RegionOfInterest
    from wsi_idc.errors import WsiIdcError
    from wsi_idc.heatmap.export.ome_tiff import write_ome_tiff
    from wsi_idc.heatmap.predict import predict_slide, render_again
    from wsi_idc.heatmap.probability_map import ProbabilityMap
    from wsi_idc.heatmap.result import HeatmapResult, read_result
    from wsi_idc.heatmap.scoring import ScoreSettings
    from wsi_idc.model.architecture import Architecture
    from wsi_idc.model.evaluation import evaluate
    from wsi_idc.model.scorer import Scorer, load_model
    from wsi_idc.model.settings import TrainSettings
    from wsi_idc.model.streaming import patch_dataset
    from wsi_idc.model.train import train
    from wsi_idc.slides import Slide, SlideSource, open_slide
    from wsi_idc.tiling.annotated import AnnotationLabels
    from wsi_idc.tiling.blocks import read_batches
    from wsi_idc.tiling.plan import PatchPlan
    from wsi_idc.tiling.planning import plan_tiles
    from wsi_idc.tiling.settings import TileSettings
    from wsi_idc.tiling.tile import tile_slide
    from wsi_idc.tissue import TissueSettings, find_tissue


def __getattr__(name: str) -> Any:
    """Import a public name from its room when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'wsi_idc' has no attribute {name!r}")
    return getattr(import_module(f"wsi_idc.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Offer the public names to completion."""
    return sorted(__all__)
