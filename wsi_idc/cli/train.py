"""`wsi-idc train`: from labelled patches to a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from wsi_idc.cli.console import ProgressBar, start_log, user_errors
from wsi_idc.cli.options import (
    AugmentationName,
    DeviceOption,
    LogFileOption,
    OverwriteOption,
    Precision,
    TiledSlidesOption,
)


@user_errors
def train(
    patches: Annotated[
        Path,
        typer.Argument(
            help="Folder with <patient>/<0|1>/…_x<X>_y<Y>_class<C>.png, or of what tile wrote.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model folder to write.", show_default=False)
    ],
    slides: TiledSlidesOption = None,
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            help="CSV with the columns patient and split (train, val or test), or official for "
            "the case lists of the 2014 paper.",
            show_default="patients are drawn at random",
        ),
    ] = None,
    val_fraction: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of patients to validate on.")
    ] = 0.15,
    test_fraction: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of patients to test on; 0 for none.")
    ] = 0.15,
    weights: Annotated[
        str,
        typer.Option(
            "--weights",
            help="Start from imagenet, none, a weights file of ResNet50V2 without top, "
            "a model folder to go on from, or shipped, the one in the package.",
        ),
    ] = "imagenet",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training patches.")] = 15,
    batch_size: Annotated[int, typer.Option(min=2, help="Patches a step.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="The highest, after warm-up.")] = 1e-3,
    warmup_epochs: Annotated[
        float, typer.Option(min=0, help="Epochs over which the learning rate rises.")
    ] = 1.0,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after so many epochs without a better one.")
    ] = 8,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Before the last layer.")] = 0.4,
    input_size: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Enlarge patches to this side inside the network.",
            show_default="the patch size",
        ),
    ] = None,
    patch_size: Annotated[int, typer.Option(min=1, help="Side of a patch in pixels.")] = 50,
    class_weights: Annotated[
        bool, typer.Option(help="Weigh both classes equally, whatever their counts.")
    ] = True,
    average_decay: Annotated[
        float,
        typer.Option(
            min=0,
            help="Keep a running average of the weights, of which a step leaves this share: "
            "0.998 averages over some 500 steps. 0: the weights as they are.",
        ),
    ] = 0.0,
    augmentation: Annotated[
        AugmentationName,
        typer.Option(
            help="How far patches are varied: mild (views and stain) for a few epochs, strong for "
            "fifty and more."
        ),
    ] = AugmentationName.STANDARD,
    precision: Annotated[
        Precision,
        typer.Option(
            help="Half precision trains faster where the processor or GPU has it; auto sees to it."
        ),
    ] = Precision.AUTO,
    mpp: Annotated[
        float | None,
        typer.Option(
            "--mpp",
            help="Microns per pixel of the patches.",
            show_default="what tile noted, else 8",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of split, weights, order and augmentation.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last whole epoch in OUTPUT.")
    ] = False,
    overwrite: OverwriteOption = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            help="Also write curves into this folder, for TensorBoard.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
    device: DeviceOption = "auto",
    log_file: LogFileOption = None,
) -> None:
    """Train a ResNet50V2 on labelled patches; the split is by patient, always.

    Writes the weights, their card (model.json), metrics with patient-level intervals, the
    epochs and plots into OUTPUT.
    """
    start_log(log_file)
    from wsi_idc.model.runtime import load_tensorflow

    load_tensorflow(device)
    from wsi_idc.model.architecture import Architecture
    from wsi_idc.model.augmentation import AUGMENTATIONS
    from wsi_idc.model.settings import TrainSettings
    from wsi_idc.model.train import train as train_model
    from wsi_idc.split_file import split_path

    settings = TrainSettings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_epochs=warmup_epochs,
        class_weights=class_weights,
        average_decay=average_decay,
        augmentation=AUGMENTATIONS[augmentation.value],
        precision=precision.value,
        patience=patience,
        weights=weights,
        mpp=mpp,
        seed=seed,
        architecture=Architecture(
            patch_size=patch_size, input_size=input_size or max(32, patch_size), dropout=dropout
        ),
    )
    with ProgressBar("training", "step") as bar:
        card = train_model(
            patches,
            output,
            settings,
            slides=slides,
            split_file=split_path(split),
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            resume=resume,
            overwrite=overwrite,
            tensorboard=tensorboard,
            progress=bar,
            say=bar.write,
        )
    if as_json:
        typer.echo(json.dumps(card.metrics, indent=2))
        return
    from wsi_idc.cli.tables import metrics_table

    typer.echo(metrics_table(card.metrics))
    typer.echo(f"model: {output}")
