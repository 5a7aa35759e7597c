"""Hostile model folders: swapped, cut short, altered, with links, other files and odd numbers."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz.annotations import places
from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.commands import checked
from fuzz.damage import damaged
from safetensors.numpy import save, save_file

from wsi_idc.model.card import PackedNetwork
from wsi_idc.model.folder import (
    CARD_FILE,
    SHIPPED_MODEL,
    WEIGHTS_FILE,
    file_sha256,
    read_card,
    read_card_arrays,
)
from wsi_idc.model.keras_config import check_config

_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**9, 10**400, 1e300, "", "x" * 100_000, "\ud800", [], {}, [[]]),
    *("../../etc/passwd", "/etc/passwd", "a\nb", "Lambda", {"class_name": "Lambda"}),
)
_FILES = ("..", ".", "model.json", "a" * 300, "a/b", "weights.safetensors ", "x\n", "-", "no.pt")


def use(folder: Path) -> None:
    """What loading a model does before there is a network."""
    card = read_card(folder)
    read_card_arrays(folder, card)
    if isinstance(card.network, PackedNetwork):
        check_config(card.network.config, folder / CARD_FILE)


class _Harmful:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch harmed",)


@cache
def _arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "conv/kernel": rng.normal(size=(3, 3, 3, 8)).astype(np.float32),
        "logit/kernel": rng.normal(size=(8, 1)).astype(np.float16),
        "logit/bias": np.zeros(1, np.float32),
    }


def _layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": config}


def sound(folder: Path, *, packed: bool = False) -> dict[str, Any]:
    """Write a small model folder; returns its card. Its weights are those of no network."""
    folder.mkdir(exist_ok=True)
    save_file(_arrays(), folder / WEIGHTS_FILE)
    card: dict[str, Any] = json.loads((SHIPPED_MODEL / CARD_FILE).read_text(encoding="utf-8"))
    card["weights"] = {"file": WEIGHTS_FILE, "sha256": file_sha256(folder / WEIGHTS_FILE)}
    if packed:
        card["architecture"] = "keras"
        layers = [
            _layer("InputLayer", batch_shape=[None, 50, 50, 3]),
            _layer("Conv2D", filters=8, kernel_size=[3, 3], activation="relu"),
            _layer("GlobalAveragePooling2D"),
            _layer("Dense", units=1, activation="sigmoid"),
        ]
        card["network"] = {
            "config": {"module": "keras", "class_name": "Sequential", "config": {"layers": layers}},
            **{"scale": 1.0, "offset": 0.0, "output": "probability", "shown_class": "idc"},
            "probe": [[0.5]] * 4,
        }
    write_card(folder, card)
    return card


def write_card(folder: Path, card: dict[str, Any]) -> None:
    (folder / CARD_FILE).write_text(json.dumps(card))


def folder_of(bases: Bases, folder: Path, rng: Random) -> Attempt:
    model = folder / "model"
    card = sound(model, packed=rng.random() < 0.4)
    about = rng.choice([_card, _card, _bytes_of_card, _weights, _weights, _header, _files])(
        model, card, rng
    )
    names = (model.name, CARD_FILE, WEIGHTS_FILE, card["name"])
    run = partial(use, model)
    if rng.random() < 0.2:
        run = partial(checked, "model", "info", model)
    return Attempt(run, names, about)


def _card(model: Path, card: dict[str, Any], rng: Random) -> str:
    if rng.random() < 0.2:
        depth = rng.choice([70, 900, 3000, 100_000])
        inside: str = '{"a":' * depth + "1" + "}" * depth
        text = json.dumps(card | {"metrics": {"deep": "DEEP"}}).replace('"DEEP"', inside)
        (model / CARD_FILE).write_text(text)
        return f"a card {depth:,} deep"
    if rng.random() < 0.2:
        card["weights"]["file"] = rng.choice(_FILES)
        write_card(model, card)
        return f"the weights are {card['weights']['file'][:20]!a}"
    for _ in range(rng.choice([1, 1, 3])):
        place, key = rng.choice(places(card))
        place[key] = rng.choice(_ODD)
    (model / CARD_FILE).write_text(json.dumps(card))
    return f"{key} is {str(place[key])[:30]!a}"


def _bytes_of_card(model: Path, card: dict[str, Any], rng: Random) -> str:
    path = model / CARD_FILE
    text = path.read_text()
    content, about = damaged(text.encode(), rng)
    if rng.random() < 0.3:
        encoding = rng.choice(["utf-16", "utf-8-sig", "utf-32", "latin-1"])
        content, about = text.replace("a", "ä").encode(encoding), encoding
    path.write_bytes(content)
    return f"its card: {about}"


def _set(model: Path, card: dict[str, Any], content: bytes) -> None:
    """Weights that the card is made to vouch for."""
    (model / WEIGHTS_FILE).write_bytes(content)
    card["weights"]["sha256"] = file_sha256(model / WEIGHTS_FILE)
    write_card(model, card)


def _weights(model: Path, card: dict[str, Any], rng: Random) -> str:
    content = (model / WEIGHTS_FILE).read_bytes()
    which = rng.randrange(5)
    if which == 0:
        (model / WEIGHTS_FILE).write_bytes(damaged(content, rng)[0])
        return "weights that are not those of the card"
    if which == 1:
        changed, about = damaged(content, rng)
        _set(model, card, changed)
        return f"weights: {about}"
    if which == 2:
        arrays = {name: array.copy() for name, array in _arrays().items()}
        arrays[rng.choice(list(arrays))].flat[0] = rng.choice([np.nan, np.inf, -np.inf])
        _set(model, card, save(arrays))
        return "weights that are no numbers"
    if which == 3:
        kind = rng.choice([np.int64, np.uint8, np.bool_, np.float64, np.int8])
        _set(model, card, save({"logit/bias": np.zeros(3, kind)}))
        return f"weights of {kind.__name__}"
    content = rng.choice(
        [b"", b"\0" * 8, b"\xff" * 100, pickle.dumps(_Harmful()), b"\x89HDF\r\n\x1a\n"]
    )
    _set(model, card, content)
    return f"weights that are {content[:9]!a}"


def _header(model: Path, card: dict[str, Any], rng: Random) -> str:
    """A safetensors header that lies."""
    entry: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    key, value = rng.choice(
        [
            ("dtype", rng.choice(["BF16", "F8_E4M3", "F4", "C64", "PICKLE", "", 7, "F64"])),
            ("shape", rng.choice([[2**40, 2**40], [-2], [2.5], [], [0], "2", [1] * 5000])),
            ("data_offsets", rng.choice([[0, 2**62], [8, 0], [-8, 0], [0], [4, 12], "x"])),
            ("extra", 1),
        ]
    )
    entry[key] = value
    header = json.dumps({"a": entry, **({"b": entry} if rng.random() < 0.3 else {})}).encode()
    length = rng.choice([len(header), len(header), len(header), 2**40, 2**63, 0, len(header) + 99])
    _set(model, card, struct.pack("<Q", length) + header + bytes(8))
    return f"a header with {key} {str(value)[:30]}, of {length:,} bytes"


def _files(model: Path, card: dict[str, Any], rng: Random) -> str:
    which = rng.randrange(9)
    weights = model / WEIGHTS_FILE
    if which == 0:
        rng.choice([weights, model / CARD_FILE]).unlink()
        return "a file is missing"
    if which == 1:
        for name in ("model.pkl", "weights.pt", "__init__.py", "keras.py", "conftest.py"):
            (model / name).write_bytes(pickle.dumps(_Harmful()))
        return "more files that hold code"
    if which == 2:
        weights.unlink()
        target = rng.choice(["/dev/zero", "/etc/passwd", "/", weights.name, "../none"])
        weights.symlink_to(target)
        return f"weights that are a link to {target}"
    if which == 3:
        file = rng.choice([weights, model / CARD_FILE])
        file.unlink()
        os.mkfifo(file)
        return f"{file.name} is a pipe that nobody writes to"
    if which == 4:
        file = rng.choice([weights, model / CARD_FILE])
        file.unlink()
        file.mkdir()
        return f"{file.name} is a folder"
    if which == 5:
        shutil.copy(SHIPPED_MODEL / CARD_FILE, model / CARD_FILE)
        return "the card of another model"
    if which == 6:
        (model / CARD_FILE).chmod(0)
        return "a card that may not be read"
    if which == 7:
        shutil.rmtree(model)
        model.write_bytes(b"a file")
        return "a file and no folder"
    with (model / WEIGHTS_FILE).open("ab") as file:
        file.truncate(2**29)
    return "weights of 512 MiB of nothing"


KINDS = {"model-folder": Kind(folder_of, 40, 1200)}
