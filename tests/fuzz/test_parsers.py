"""Parsers of what people hand in, driven by hypothesis: a value, or one error that names the file.

Few examples in the default run, many in `make test-long`. What fails is kept by hypothesis in
`.hypothesis/` and tried first the next time; it also prints the example.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from fuzz.annotations import places
from fuzz.models import sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsi_idc.annotations.reading import read_annotations
from wsi_idc.cli.app import app
from wsi_idc.cli.config import read_config
from wsi_idc.cohort.slides import read_cohort
from wsi_idc.errors import WsiIdcError
from wsi_idc.model.folder import CARD_FILE, read_card
from wsi_idc.patches import find_patches
from wsi_idc.split_file import read_split
from wsi_idc.tiling.layout import patch_name
from wsi_idc.tiling.patients import read_patients

Parser = Callable[[Path, st.DataObject], object]

_LONGEST = 1500
_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
_NUMBERS = st.floats() | st.integers() | st.sampled_from([0, 1, -1, 1e300, 2**63, 10**30])
_PLAIN = st.none() | st.booleans() | _NUMBERS | _TEXT
_JSON = st.recursive(
    _PLAIN,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_TEXT, inside, max_size=3),
    max_leaves=6,
)


def _geojson(folder: Path, data: st.DataObject) -> object:
    point = st.lists(st.integers(0, 9) | st.floats(0, 9) | _PLAIN, min_size=1, max_size=3)
    ring = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)) | point, max_size=7)
    geometry = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Polygon", "MultiPolygon", "Point", "GeometryCollection"])
            | _JSON
        },
        optional={
            "coordinates": st.lists(ring, max_size=3)
            | st.lists(st.lists(ring, max_size=2))
            | _JSON,
            "geometries": _JSON,
        },
    )
    feature = st.fixed_dictionaries(
        {"type": st.just("Feature"), "geometry": geometry | _JSON},
        optional={"properties": _JSON | st.fixed_dictionaries({"classification": _JSON})},
    )
    content = data.draw(st.lists(feature | _JSON, max_size=3) | geometry | _JSON)
    path = folder / "any.geojson"
    path.write_text(json.dumps(content))
    return read_annotations(path).union().area_px()


def _xml(folder: Path, data: st.DataObject) -> object:
    names = st.sampled_from(
        ["Annotation", "Regions", "Region", "Vertex", "Coordinate", "Attribute", "Attributes"]
    )
    keys = st.sampled_from(["X", "Y", "Order", "Type", "Name", "PartOfGroup", "NegativeROA", "Id"])
    values = st.sampled_from(["0", "1", "2", "5", "7.5", "nan", "1e999", "Polygon", "Rectangle"])
    printable = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), max_size=6)
    attributes = st.dictionaries(keys, values | printable, max_size=4)
    root = data.draw(st.sampled_from(["ASAP_Annotations", "Annotations"]))
    elements = data.draw(st.lists(st.tuples(names, attributes, st.booleans()), max_size=14))
    text, opened = f"<{root}>", [root]
    for name, given_, is_empty in elements:
        inside = " ".join([name, *(f"{key}={quoteattr(value)}" for key, value in given_.items())])
        text += f"<{inside}/>" if is_empty else f"<{inside}>"
        opened += [] if is_empty else [name]
    path = folder / "any.xml"
    path.write_text(text + "".join(f"</{name}>" for name in reversed(opened)), encoding="utf-8")
    return read_annotations(path).union().area_px()


def _bytes_of(name: str, read: Callable[[Path], object]) -> Parser:
    """Any bytes as a file of that name; most of all such as begin as they should."""

    def parse(folder: Path, data: st.DataObject) -> object:
        heads = [b"", b"{", b"[", b"<Annotations>", b"\xff\xfe{\0", b"PK\x03\x04", b"\x1f\x8b\x08"]
        head = data.draw(st.sampled_from(heads))
        path = folder / name
        path.write_bytes(head + data.draw(st.binary(max_size=60)))
        return read(path)

    return parse


def _card(folder: Path, data: st.DataObject) -> object:
    model = folder / "model"
    card = sound(model, packed=data.draw(st.booleans()))
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(card)
        place, key = found[data.draw(st.integers(0, len(found) - 1))]
        place[key] = data.draw(_JSON)
    (model / CARD_FILE).write_text(json.dumps(card))
    return read_card(model)


def _table(columns: list[str], values: list[str], read: Callable[[Path], object]) -> Parser:
    """A CSV with some of these columns, some of these values, and whatever else."""
    cell = st.sampled_from(values) | _TEXT

    def parse(folder: Path, data: st.DataObject) -> object:
        head = data.draw(st.lists(st.sampled_from(columns) | _TEXT, max_size=len(columns) + 2))
        rows = data.draw(st.lists(st.lists(cell, max_size=len(head) + 1), max_size=5))
        stream = io.StringIO()
        csv.writer(stream, delimiter=data.draw(st.sampled_from(",,,;\t"))).writerows([head, *rows])
        path = folder / "any.csv"
        path.write_text(stream.getvalue(), encoding=data.draw(st.sampled_from(_ENCODINGS)))
        return read(path)

    return parse


_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


def _split(path: Path) -> object:
    import pandas as pd

    patients = pd.DataFrame({"patient": ["a", "a", "b", "b"], "label": [0, 1, 0, 1]})
    return read_split(path, patients)


def _config(folder: Path, data: st.DataObject) -> object:
    names = st.sampled_from(["stride", "output", "slides", "mpp", "tile", "heatmap"]) | _TEXT
    content = data.draw(st.dictionaries(names, _JSON, max_size=4))
    path = folder / f"any.{data.draw(st.sampled_from(['yaml', 'toml']))}"
    if path.suffix == ".yaml":  # of which JSON is a part
        path.write_text(json.dumps(content))
    else:
        lines = [f"{json.dumps(name)} = {_as_toml(value)}" for name, value in content.items()]
        path.write_text("\n".join(lines))
    return _read_config(path)


def _as_toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_as_toml(inside)}" for key, inside in value.items())
        return f"{{{', '.join(pairs)}}}"
    return '""' if value is None else json.dumps(value)


def _read_config(path: Path) -> object:
    import typer

    command = typer.main.get_command(app).commands["tile"]  # type: ignore[attr-defined]
    return read_config(path, command, ["tile"])


def _names_of_patches(folder: Path, data: st.DataObject) -> object:
    """A file is taken for a patch only if its name is that of the patch that it is taken for."""
    part = st.sampled_from(
        ["s", "_x", "_y", "1", "51", "-1", "9" * 30, "x", "_class", "0", "2", ".png", "_"]
    )
    letters = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=4)
    name = "".join(data.draw(st.lists(part | letters, min_size=1, max_size=10)))
    name = data.draw(st.sampled_from([name, f"{name}_x1_y51_class0.png"]))
    if name in ("", ".", "..") or len(name.encode()) > 200:
        return None
    place = folder / "patient" / "0"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).touch()
    try:
        table = find_patches(folder).table
    finally:
        (place / name).unlink()
    (row,) = table.to_dict("records")
    assert (row["name"], row["label"]) == (name, 0) and min(row["x"], row["y"]) >= 0
    if name.isascii() and not re.search(r"_[xy]0\d", name):
        assert patch_name(row["slide"], row["x"], row["y"], 0) == name
    return row


PARSERS: dict[str, Parser] = {
    "geojson": _geojson,
    "xml": _xml,
    "annotation bytes": _bytes_of("any.geojson", read_annotations),
    "card": _card,
    "card bytes": _bytes_of(CARD_FILE, lambda path: read_card(path.parent)),
    "cohort": _table(
        ["slide", "name", "patient", "slide_mpp", "annotations"],
        ["a.svs", "b.svs", "a", "0.25", "0.25,0.26", "", "p"],
        lambda path: read_cohort([path]),
    ),
    "cohort bytes": _bytes_of("any.csv", lambda path: read_cohort([path])),
    "patients": _table(["slide", "patient"], ["a.svs", "a", "p", ""], read_patients),
    "split": _table(["patient", "split"], ["a", "b", "train", "val", "test", ""], _split),
    "config": _config,
    "toml bytes": _bytes_of("any.toml", _read_config),
    "yaml bytes": _bytes_of("any.yaml", _read_config),
    "patch names": _names_of_patches,
}


def check(parser: str, folder: Path, data: st.DataObject) -> None:
    folder.mkdir(exist_ok=True)
    try:
        PARSERS[parser](folder, data)
    except WsiIdcError as error:
        message = str(error)
        assert 0 < len(message) < _LONGEST
        assert folder.name in message, message


_HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=60, deadline=None, suppress_health_check=_HEALTH)
@given(data=st.data())
def test_parser(parser: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    check(parser, tmp_path_factory.getbasetemp() / "parsed", data)


@pytest.mark.long
@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=3000, deadline=None, suppress_health_check=_HEALTH)
@given(data=st.data())
def test_parser_at_length(
    parser: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    check(parser, tmp_path_factory.getbasetemp() / "parsed", data)
