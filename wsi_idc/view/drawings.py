"""What was drawn on slides: one GeoJSON file a slide, which `tile --annotations` and QuPath read.

Nothing that was saved is lost: what a file held before is kept beside it, in `previous/`, and a
page that read an older file than the one that is there now does not overwrite it.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsi_idc.annotations.annotation_set import annotation_set
from wsi_idc.annotations.geojson import parse_geojson
from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError, OutputError
from wsi_idc.files import whole_file

PREVIOUS = "previous"
_saving = threading.Lock()


class ChangedMeanwhileError(AnnotationError):
    """The file is no longer the one that a page has read."""


@dataclass(frozen=True)
class Drawings:
    """The content of a file.

    Attributes
    ----------
    features : GeoJSON features in level-0 pixels, as the file has them.
    version : tells this content from any other; None where there is no file.
    """

    features: list[dict[str, Any]]
    version: str | None


def read_drawings(file: Path) -> Drawings:
    """Read what was drawn; nothing where there is no file.

    Raises
    ------
    AnnotationError
        If the file is no GeoJSON that can be read.
    """
    if not file.exists():
        return Drawings([], None)
    read_annotations(file)  # tells what is wrong with it
    content = file.read_bytes()
    parsed = _parsed(file, content)
    features = parsed["features"]
    if not all(isinstance(f, dict) and f.get("type") == "Feature" for f in features):
        raise AnnotationError(f"{file}: holds more than features; export it as FeatureCollection")
    return Drawings(features, _version(content))


def save_drawings(file: Path, features: Any, version: Any) -> Drawings:
    """Write what was drawn, and keep what the file held before.

    Parameters
    ----------
    file : the file; its folder is made.
    features : GeoJSON features in level-0 pixels.
    version : that of the file which they come from; None where there was none.

    Raises
    ------
    AnnotationError
        If a feature is none, or has no area; then nothing is written.
    ChangedMeanwhileError
        If the file is another one by now.
    OutputError
        If it cannot be written.
    """
    if not isinstance(features, list):
        raise AnnotationError("what was sent holds no list of features")
    annotation_set(parse_geojson({"type": "FeatureCollection", "features": features}))
    with _saving:
        before = file.read_bytes() if file.exists() else None
        if (None if before is None else _version(before)) != version:
            raise ChangedMeanwhileError(
                f"{file.name} was changed by someone else since this page read it; reload the page "
                "to see what is there now"
            )
        beside = {} if before is None else _parsed(file, before)
        content = _text(beside | {"type": "FeatureCollection", "features": features}).encode()
        if content != before:
            try:
                if before is not None:
                    _write(_next_previous(file), before)
                _write(file, content)
            except OutputError as error:
                raise OutputError(str(error).replace("--output", "--annotations")) from error
        return Drawings(features, _version(content))


def _parsed(file: Path, content: bytes) -> dict[str, Any]:
    """A file's content as a FeatureCollection, with what else stands in it."""
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise AnnotationError(
            f"{file}: is not plain GeoJSON ({error}), which alone can be drawn on; unpack it, or "
            "choose another folder with --annotations"
        ) from error
    if isinstance(parsed, list):
        return {"type": "FeatureCollection", "features": parsed}
    if parsed.get("type") == "FeatureCollection":
        return dict(parsed)
    if parsed.get("type") == "Feature":
        return {"type": "FeatureCollection", "features": [parsed]}
    return {"features": [{"type": "Feature", "properties": {}, "geometry": parsed}]}


def _text(collection: dict[str, Any]) -> str:
    """A feature a line, so that versions can be compared; ASCII, since QuPath assumes no UTF-8."""
    features = ",\n".join(_json(feature) for feature in collection["features"])
    others = {name: value for name, value in collection.items() if name not in ("type", "features")}
    said = "".join(f"{_json(name)}:{_json(value)}," for name, value in others.items())
    return f'{{"type":"FeatureCollection",{said}"features":[\n{features}\n]}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _next_previous(file: Path) -> Path:
    folder = file.parent / PREVIOUS
    pattern = re.compile(re.escape(file.stem) + r"-(\d{4,})" + re.escape(file.suffix))
    numbers = [
        int(match[1])
        for match in (pattern.fullmatch(path.name) for path in folder.glob("*"))
        if match is not None
    ]
    return folder / f"{file.stem}-{max(numbers, default=0) + 1:04d}{file.suffix}"


def _write(file: Path, content: bytes) -> None:
    with whole_file(file) as temporary:
        temporary.write_bytes(content)
