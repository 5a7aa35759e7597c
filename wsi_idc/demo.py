"""The whole job on made slides whose truth is known: tile, train, heatmap, judge.

Four phantom patients: three small sections to train and validate on, and a held-out slide of
a whole section. It needs nothing but the installed package and shows every output that real
slides give. Training goes on from the shipped model, as one would with slides of one's own: what
that has learnt of real tissue makes one epoch on drawn tissue enough. The phantom's model is of no
use on real slides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from wsi_idc.errors import OutputError
from wsi_idc.files import make_folder
from wsi_idc.heatmap.judge import judge_result
from wsi_idc.heatmap.predict import predict_slide
from wsi_idc.heatmap.result import OVERLAY, SIDE_BY_SIDE
from wsi_idc.heatmap.truth import TruthScores
from wsi_idc.phantom import PhantomSlide, PhantomSpec
from wsi_idc.phantom.side_by_side import make_phantoms
from wsi_idc.progress import StepProgress
from wsi_idc.slides import SlideSource
from wsi_idc.split_file import write_split
from wsi_idc.splits import Split
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import tile_slide

# Stain differs between patients and regions, but half as much as a phantom's usual: the few
# steps that the demo trains for are to go into structure.
STAIN_VARIATION = 0.5


def _section(name: str, width_mm: float, height_mm: float, seed: int) -> PhantomSpec:
    return PhantomSpec(name, width_mm, height_mm, seed=seed, stain_variation=STAIN_VARIATION)


TRAINING = (_section("phantom-1", 5.0, 4.0, seed=1), _section("phantom-2", 5.0, 4.0, seed=2))
VALIDATION = _section("phantom-3", 4.0, 3.0, seed=3)
HELD_OUT = _section("phantom-held-out", 12.5, 9.5, seed=4)

# Patches of the small sections overlap by half, which gives four times as many to learn from.
# Each keeps its own patient, so validation stays apart.
STRIDE = 25
MODEL = "phantom-model"
_MARKER = ".wsi-idc-demo"  # tells a folder that may be replaced from one that may not
EPOCHS = 1
BATCH_SIZE = 32
LEARNING_RATE = 5e-4  # half of what a network that knows nothing takes


@dataclass(frozen=True)
class DemoResult:
    """What the demo found on the held-out section, and where it is to be seen.

    Attributes
    ----------
    cells : the map against the truth, over all assessed cells of the held-out section.
    pictures : what to look at first.
    seconds : how long each step took.
    """

    cells: TruthScores
    pictures: tuple[Path, ...]
    seconds: dict[str, float]


def run_demo(
    output: Path,
    *,
    device: str = "auto",
    progress: StepProgress | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> DemoResult:
    """Make the phantoms, tile, train, map and judge; everything lands in `output`.

    Parameters
    ----------
    output : a folder that does not exist yet, or is empty, or holds an earlier demo.
    device : `auto`, `cpu`, `gpu` or `gpu:N`.
    progress, say : told how far it is, and a line a step.

    Raises
    ------
    OutputError
        If `output` holds something else, or cannot be written.
    """
    _check_output(output)
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        seconds[name] = time.monotonic() - began
        say(f"{name}: {seconds[name]:.0f} s")

    slides = output / "slides"
    with step("made 4 phantom slides"):
        # The large one takes as long as the others together.
        drawn = make_phantoms([[HELD_OUT], [VALIDATION, *TRAINING]], slides)
        made = {phantom.spec.name: phantom for phantom in drawn}
    with step("cut the small ones into patches"):
        for spec in (*TRAINING, VALIDATION):
            phantom = made[spec.name]
            tile_slide(
                SlideSource(phantom.slide),
                output / "patches",
                TileSettings(stride=STRIDE),
                truth=phantom.truth,
                overwrite=True,
            )
    with step("trained on two of them, validated on the third"):
        _train(output, device, progress)
    with step("mapped the held-out section"):
        folder = output / "heatmap" / HELD_OUT.name
        cells = _map(output, made[HELD_OUT.name], folder, device, progress)
    return DemoResult(
        cells=cells,
        pictures=(
            folder / OVERLAY,
            folder / SIDE_BY_SIDE,
            made[HELD_OUT.name].truth,
            output / MODEL / "roc.png",
        ),
        seconds=seconds,
    )


def _check_output(output: Path) -> None:
    is_ours = (output / _MARKER).is_file()
    if output.exists() and not is_ours and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output} is not empty and holds no demo; choose another --output")
    make_folder(output)
    (output / _MARKER).touch()


def _train(output: Path, device: str, progress: StepProgress | None) -> None:
    from wsi_idc.model.augmentation import VIEWS_AND_STAIN
    from wsi_idc.model.folder import SHIPPED, SHIPPED_MODEL, architecture_of, read_card
    from wsi_idc.model.runtime import load_tensorflow
    from wsi_idc.model.settings import TrainSettings
    from wsi_idc.model.train import train

    load_tensorflow(device)
    settings = TrainSettings(
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        warmup_epochs=0.25,
        weights=SHIPPED,
        patience=EPOCHS,
        # Some thirty steps in all: running statistics must follow within ten.
        architecture=replace(architecture_of(read_card(SHIPPED_MODEL)), batch_norm_momentum=0.9),
        augmentation=VIEWS_AND_STAIN,
    )
    split = Split(train=tuple(spec.name for spec in TRAINING), val=(VALIDATION.name,))
    write_split(output / "split.csv", split)
    train(
        output / "patches",
        output / MODEL,
        settings,
        split_file=output / "split.csv",
        overwrite=True,
        progress=progress,
    )


def _map(
    output: Path, held_out: PhantomSlide, folder: Path, device: str, progress: StepProgress | None
) -> TruthScores:
    from wsi_idc.model.scorer import load_model

    predict_slide(
        SlideSource(held_out.slide),
        load_model(output / MODEL, device=device),
        folder,
        overwrite=True,
        progress=progress and (lambda done, total: progress(done, total, "scoring")),
    )
    return judge_result(folder, held_out.truth)["cells"]
