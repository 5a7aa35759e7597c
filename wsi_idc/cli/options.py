"""Options that several commands take, said once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Reader(StrEnum):
    """Which library opens a slide."""

    AUTO = "auto"
    DIRECT = "direct"
    OPENSLIDE = "openslide"
    FASTSLIDE = "fastslide"
    TIFF = "tiff"
    IMAGE = "image"


class TissueMethod(StrEnum):
    """How tissue is found; a test keeps them those of `tissue.settings`."""

    HED = "hed"
    OTSU = "otsu"
    NONE = "none"


class Runtime(StrEnum):
    """What computes scores; a test keeps them those of `model.runtime`."""

    AUTO = "auto"
    TENSORFLOW = "tensorflow"
    OPENVINO = "openvino"


class Precision(StrEnum):
    """How exactly training computes; a test keeps them those of `model.runtime`."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class AugmentationName(StrEnum):
    """How far patches are varied; a test keeps them those of `model.augmentation`."""

    NONE = "none"
    MILD = "mild"
    STANDARD = "standard"
    STRONG = "strong"


class Colormap(StrEnum):
    """Colour maps of an overlay; a test keeps them those of `heatmap.colormaps`."""

    BLUE_YELLOW = "blue-yellow"
    VIRIDIS = "viridis"
    CIVIDIS = "cividis"
    INFERNO = "inferno"
    TURBO = "turbo"


SlidesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Slide files, folders of them, patterns, or a CSV with a column slide and, where "
        "wanted, name, patient, slide_mpp and annotations.",
        show_default=False,
    ),
]
ReaderOption = Annotated[Reader, typer.Option("--reader", help="The library that reads the slide.")]
SlideMppOption = Annotated[
    str | None,
    typer.Option(
        "--slide-mpp",
        metavar="UM[,UM]",
        help="Microns per pixel of the slide's finest level, where the file does not say it "
        "or is wrong: 0.25, or 0.25,0.26 where pixels are not square (x,y).",
        show_default=False,
    ),
]
IsolateOption = Annotated[
    bool,
    typer.Option(
        "--isolate",
        help="Read in child processes, so that a slide library that crashes or hangs on a damaged "
        "file costs that slide and not the run.",
    ),
]
IccOption = Annotated[
    bool,
    typer.Option(
        "--icc",
        help="Convert colours to sRGB by the slide's ICC profile, where it has one; by default "
        "they are what the file holds, as in the public IDC patches.",
    ),
]
TiledSlidesOption = Annotated[
    Path | None,
    typer.Option(
        "--slides",
        help="Folder of the slides, where tile wrote positions only (--format coords).",
        show_default=False,
    ),
]
MinTissueOption = Annotated[
    float,
    typer.Option("--min-tissue", min=0, max=1, help="Least share of a patch that is tissue."),
]
TissueOption = Annotated[
    TissueMethod,
    typer.Option(
        "--tissue",
        help="How tissue is found: by haematoxylin and eosin, by saturation, or all is tissue.",
    ),
]
TissueMaskOption = Annotated[
    Path | None,
    typer.Option(
        "--tissue-mask",
        help="Where tissue is, in place of --tissue: an image over the whole slide, white on "
        "tissue, or GeoJSON polygons, such as the <slide>_mask.png and <slide>_tissue.geojson that "
        "`tile` writes. For several slides, a folder of them.",
        show_default=False,
    ),
]
UpsamplingOption = Annotated[
    bool,
    typer.Option("--allow-upsampling", help="Accept slides with coarser pixels than asked for."),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would be read and how much, and write nothing."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier run with other settings wrote.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogFileOption = Annotated[
    Path | None,
    typer.Option(
        "--log-file", help="Also write all messages, with times, to this file.", show_default=False
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, gpu or gpu:N (the N-th GPU, from 0).")
]
RuntimeOption = Annotated[
    Runtime,
    typer.Option(
        "--runtime",
        help="What computes the scores. openvino (an extra; CPU only) starts sooner; auto takes it "
        "where it is installed and there is no GPU.",
    ),
]
TtaOption = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="Test-time augmentation: score the eight views of each patch and take their mean; "
        "eight times the work.",
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        max=1,
        help="Probability from which on tissue counts as IDC; the model's own if not given.",
        show_default=False,
    ),
]
ColormapOption = Annotated[
    Colormap | None,
    typer.Option("--colormap", help="Colours of the overlay.", show_default="blue-yellow"),
]
OpacityOption = Annotated[
    float | None,
    typer.Option("--opacity", min=0, max=1, help="How strong they are.", show_default="0.5"),
]
FloorOption = Annotated[
    float | None,
    typer.Option(
        "--floor",
        min=0,
        max=1,
        help="Leave tissue below this probability without colour.",
        show_default="0.1",
    ),
]
OutlineOption = Annotated[
    bool | None,
    typer.Option(
        "--outline/--no-outline",
        help="Outline the tissue at the threshold, and tell assessed from not assessed.",
        show_default="outline",
    ),
]
SmoothOption = Annotated[
    bool | None,
    typer.Option(
        "--smooth/--squares",
        help="Let colours run from cell to cell in the picture; saved values are not smoothed.",
        show_default="squares",
    ),
]
WidthOption = Annotated[
    int | None,
    typer.Option(
        "--width", min=400, max=20000, help="Width of the pictures in pixels.", show_default="1600"
    ),
]


class GeoJsonOrigin(StrEnum):
    """From where GeoJSON counts pixels."""

    BOUNDS = "bounds"
    SLIDE = "slide"


GeoJsonOriginOption = Annotated[
    GeoJsonOrigin | None,
    typer.Option(
        "--geojson-origin",
        help="Where heatmap.geojson counts from: the corner of the scan, as QuPath does, or of the "
        "slide's whole frame. The same for all but MIRAX and a few others.",
        show_default="bounds",
    ),
]
ParquetOption = Annotated[
    bool | None,
    typer.Option(
        "--parquet/--no-parquet",
        help="Also write scores.parquet (extra parquet).",
        show_default="no",
    ),
]
EightBitOption = Annotated[
    bool | None,
    typer.Option(
        "--8bit/--no-8bit",
        help="Also write the map with 8 bits a cell, for viewers that show no floats.",
        show_default="no",
    ),
]
MinRegionOption = Annotated[
    float | None,
    typer.Option(
        "--min-region",
        min=0,
        help="Leave smaller regions, in mm², out of lists and files.",
        show_default="0",
    ),
]


def slide_mpp_given(text: str | None) -> tuple[float, float] | None:
    """The value of `--slide-mpp`, x and y, or None where it was not given.

    Raises
    ------
    SettingsError
        If it is no scale.
    """
    from wsi_idc.slides.microns import parse_slide_mpp

    return None if text is None else parse_slide_mpp(text)
