"""wsi-idc: find invasive ductal carcinoma (IDC) in breast whole-slide images.

For research use only, not for diagnosis.

Importing the package is cheap; TensorFlow is imported when a model is trained or loaded.

Examples
--------
>>> import wsi_idc
>>> source = wsi_idc.SlideSource("slide.svs")                          # doctest: +SKIP
>>> wsi_idc.tile_slide(source, Path("patches"))                        # doctest: +SKIP
>>> scorer = wsi_idc.load_model()                                      # doctest: +SKIP
>>> wsi_idc.predict_slide(source, scorer, Path("heatmaps/slide"))      # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "WsiIdcError": "errors",
    "SlideSource": "slides",
    "open_slide": "slides",
    "TileSettings": "tiling.settings",
    "AnnotationLabels": "tiling.annotated",
    "RegionOfInterest": "annotations.roi",
    "read_annotations": "annotations.reading",
    "tile_slide": "tiling.tile",
    "TrainSettings": "model.settings",
    "train": "model.train",
    "evaluate": "model.evaluation",
    "load_model": "model.scorer",
    "ScoreSettings": "heatmap.scoring",
    "predict_slide": "heatmap.predict",
    "render_again": "heatmap.predict",
}

__all__ = [
    "AnnotationLabels",
    "RegionOfInterest",
    "ScoreSettings",
    "SlideSource",
    "TileSettings",
    "TrainSettings",
    "WsiIdcError",
    "__version__",
    "evaluate",
    "load_model",
    "open_slide",
    "predict_slide",
    "read_annotations",
    "render_again",
    "tile_slide",
    "train",
]

if TYPE_CHECKING:
    from wsi_idc.annotations.reading import read_annotations
    from wsi_idc.annotations.roi import RegionOfInterest
    from wsi_idc.errors import WsiIdcError
    from wsi_idc.heatmap.predict import predict_slide, render_again
    from wsi_idc.heatmap.scoring import ScoreSettings
    from wsi_idc.model.evaluation import evaluate
    from wsi_idc.model.scorer import load_model
    from wsi_idc.model.settings import TrainSettings
    from wsi_idc.model.train import train
    from wsi_idc.slides import SlideSource, open_slide
    from wsi_idc.tiling.annotated import AnnotationLabels
    from wsi_idc.tiling.settings import TileSettings
    from wsi_idc.tiling.tile import tile_slide


def __getattr__(name: str) -> Any:
    """Import a public name from its room when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'wsi_idc' has no attribute {name!r}")
    return getattr(import_module(f"wsi_idc.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Offer the public names to completion."""
    return sorted(__all__)
