"""Pack a Keras model that was trained elsewhere, look at models, check them."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.console import start_log, user_errors
from wsi_idc.cli.options import JsonOption

if TYPE_CHECKING:
    from wsi_idc.model.card import ModelCard

_NAME_WIDTH = 14


class OutputKind(StrEnum):
    """What a network's last layer gives."""

    PROBABILITY = "probability"
    LOGIT = "logit"


ModelArgument = Annotated[
    Path, typer.Argument(help="A model folder, or shipped.", show_default=False)
]


@user_errors
def pack(
    file: Annotated[Path, typer.Argument(help="A .keras file of Keras 3.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model folder to write.", show_default=False)
    ],
    mpp: Annotated[
        float,
        typer.Option(
            "--mpp",
            help="Microns per pixel of the patches it was trained on.",
            show_default=False,
        ),
    ],
    classes: Annotated[
        str,
        typer.Option(
            "--classes",
            metavar="NAME,…",
            help="A name for each of its outputs, in their order.",
            show_default=False,
        ),
    ],
    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            help="The class whose probability is the map; the others' maps lie beside it.",
            show_default="the last",
        ),
    ] = None,
    input_range: Annotated[
        str,
        typer.Option("--input-range", help="What it wants pixels as: 0..255, 0..1 or -1..1."),
    ] = "0..255",
    output_kind: Annotated[
        OutputKind,
        typer.Option("--output-kind", help="logit where sigmoid or softmax is not its last layer."),
    ] = OutputKind.PROBABILITY,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="Probability from which on a cell counts as the class."),
    ] = 0.5,
    name: Annotated[
        str | None, typer.Option("--name", help="Its name.", show_default="the file's")
    ] = None,
) -> None:
    """Turn a Keras model into a model folder, for `heatmap` and `evaluate`.

    It takes square RGB patches and gives a number for each class, and is made of Keras's own
    layers: what could hold code, such as Lambda, is refused.
    """
    start_log()
    from wsi_idc.model.packing import PackSettings, pack_model

    settings = PackSettings(
        mpp=mpp,
        classes=tuple(part.strip() for part in classes.split(",")),
        shown_class=show,
        input_range=input_range,
        output=output_kind.value,
        threshold=threshold,
        name=name,
    )
    card = pack_model(file, output, settings)
    _say(card)
    typer.echo(f"model: {output}")


@user_errors
def info(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Show what a model is: its classes, its µm/px, what it was trained on and how good it is."""
    start_log()
    from wsi_idc.model.folder import model_folder, read_card

    card = read_card(model_folder(model))
    if as_json:
        told = card.model_dump(mode="json")
        if card.architecture == "keras":
            told["network"].pop("config")
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    _say(card)


@user_errors
def verify(model: ModelArgument) -> None:
    """Check that a model folder is whole, loads, and scores as it should."""
    start_log()
    from wsi_idc.model.folder import model_folder
    from wsi_idc.model.packing import verify_model

    card, found = verify_model(model_folder(model))
    typer.echo(f"{card.name}: {found}")


def _say(card: ModelCard) -> None:
    from wsi_idc.model.card_lines import card_lines

    for name, value in card_lines(card):
        typer.echo(f"{name:{_NAME_WIDTH}}{value}")
