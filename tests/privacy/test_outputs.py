"""Nothing that identifies a patient leaves a slide: planted everywhere, looked for everywhere."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image
from privacy.planted import LABEL_COLOUR, NUMBER, PATIENT, PLANTED, SERIAL, label, plant
from privacy.searching import below, shows, words_in
from small_cohorts import MeanScorer
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import app
from wsi_idc.model import scorer
from wsi_idc.model.folder import model_folder, read_card
from wsi_idc.slides import open_slide
from wsi_idc.view import ViewSettings, failed_slides, list_slides
from wsi_idc.view.app import make_app

HERE = "http://127.0.0.1"
NAME = "BIOPSYWARD7"
"""What files are called: told as it is, unless names stand hashed."""
HASHED = "slide-"


@dataclass
class Outputs:
    """All that was written and said, by where: the bytes, and the names of files."""

    of: dict[str, bytes] = field(default_factory=dict)

    def take(self, where: str, content: bytes | str) -> None:
        self.of[where] = content.encode() if isinstance(content, str) else content

    def folder(self, where: str, folder: Path) -> None:
        for name, content in below(folder).items():
            self.take(f"{where}/{name}", content)

    def holding(self, *words: str) -> dict[str, set[str]]:
        """Where some words stand, in content or in names of files."""
        found = {
            where: words_in(where.encode(), words) | words_in(content, words)
            for where, content in self.of.items()
        }
        return {where: here for where, here in found.items() if here}


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Sound slides of every format, and one that is cut short."""
    folder = tmp_path_factory.mktemp("archive")
    sound = plant(folder, name=NAME)
    cut = sound[0].with_name(f"{NAME}-cut.svs")
    cut.write_bytes(sound[0].read_bytes()[:60_000])
    return [*sound, cut]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a command in this process, with a model that needs no TensorFlow."""

    def load(*_: object, **__: object) -> MeanScorer:
        return MeanScorer(read_card(model_folder(None)))

    monkeypatch.setattr(scorer, "load_model", load)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, status: int = 0) -> Result:
        monkeypatch.setattr("sys.argv", ["wsi-idc", *map(str, arguments)])  # as the log tells it
        ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert ran.exit_code == status, ran.output
        return ran

    yield run


def test_the_search_finds_what_was_planted(slides: list[Path]) -> None:
    """Else the tests below would find nothing, whatever leaks."""
    for slide in slides[:-1]:
        assert words_in(slide.read_bytes(), PLANTED) == set(PLANTED), slide.name
        assert words_in(str(slide).encode(), [PATIENT, NUMBER]) == {PATIENT, NUMBER}
    assert shows(_png(label()), LABEL_COLOUR)
    for slide in slides[:-1]:
        assert not shows(_png(_picture(slide)), LABEL_COLOUR), slide.name
    for ending in ("aperio.svs", "wsi.dcm"):
        (path,) = (slide for slide in slides if slide.name.endswith(ending))
        with openslide.OpenSlide(path) as opened:
            said = " ".join(opened.properties.values())
            assert PATIENT in said and SERIAL in said
            if ending == "wsi.dcm":
                found = np.asarray(opened.associated_images["label"].convert("RGB"))
            else:  # where OpenSlide 4.0.0 does not know it for a label
                found = tifffile.imread(path, key=2)
        assert shows(_png(found), LABEL_COLOUR)


def test_names_of_files_are_all_that_outputs_tell(
    slides: list[Path], tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = Outputs()
    archive = slides[0].parents[2]
    for kind in ("png", "h5", "tfrecord", "coords"):
        some = slides if kind == "png" else slides[:1]
        ran = command(
            "tile",
            *some,
            *("-o", kind, "--format", kind, "--workers", 0, "--json"),
            *("--log-file", "logs/tile.log", "--debug"),
            status=3 if kind == "png" else 0,
        )
        outputs.take(f"tile {kind}, printed", ran.stdout)
        outputs.folder(kind, tmp_path / kind)
    masks = slides[0].parent  # which holds none, as is said with its name
    unready = ("tile", slides[0], "-o", "unready", "--tissue-mask", masks, "--json")
    outputs.take("tile unready, printed", command(*unready, status=1).stdout)
    outputs.folder("unready", tmp_path / "unready")
    monkeypatch.chdir(archive)  # where the patient's folder is a word
    ran = command(
        *("heatmap", slides[0].parents[1].name, "--recursive", "-o", tmp_path / "maps"),
        *("--log-file", tmp_path / "logs" / "heatmap.log", "--workers", 0, "--json"),
        *("--width", 400, "--parquet", "--8bit"),
        status=3,
    )
    monkeypatch.chdir(tmp_path)
    outputs.take("heatmap, printed", ran.stdout)
    outputs.folder("maps", tmp_path / "maps")
    command("render", "maps", "--threshold", 0.4, "--width", 500)
    outputs.folder("maps, drawn again", tmp_path / "maps")
    outputs.folder("logs", tmp_path / "logs")
    for slide in slides[:-1]:
        for how in ((), ("--json",), ("--icc", "--json")):
            outputs.take(f"info {slide.name} {how}", command("info", slide, *how).stdout)
    outputs.of |= _told_by_the_viewer(tmp_path / "maps", archive)
    with TestClient(make_app(list_slides(slides[-1:], ViewSettings())), base_url=HERE) as client:
        answer = client.get(f"/api/slides/{slides[-1].stem}")
        assert answer.status_code == 422
        outputs.take("view of a slide that is cut", answer.content)

    assert len(outputs.of) > 150
    assert outputs.holding(*PLANTED) == {}
    assert [where for where, content in outputs.of.items() if shows(content, LABEL_COLOUR)] == []
    assert any(NAME in where for where in outputs.of)  # so names would have been found


def test_under_anonymise_outputs_tell_no_names_either(
    slides: list[Path], tmp_path: Path, command: Any
) -> None:
    outputs = Outputs()
    svs, *_, cut = slides
    patients = tmp_path / "patients.csv"
    named = "".join(f"{slide.name},{PATIENT}\n" for slide in slides)
    patients.write_text(f"slide,patient\n{named}")
    truths = tmp_path / "truths"
    truths.mkdir()
    shutil.copy(_truth(tmp_path), truths / f"{svs.stem}_truth.png")
    hashed = ("--anonymise", "--anonymise-names", tmp_path / "names.csv")
    for kind in ("png", "h5", "tfrecord"):
        ran = command(
            *("tile", svs, cut, "-o", kind, "--format", kind, "--workers", 0, *hashed, "--json"),
            *("--patients", patients, "--log-file", "logs/tile.log", "--debug"),
            status=3,
        )
        outputs.take(f"tile {kind}, printed", ran.stdout)
        outputs.folder(kind, tmp_path / kind)
    mapping = ("heatmap", svs, cut, "-o", "maps", "--workers", 0, *hashed, "--width", 400)
    ran = command(*mapping, "--json", "--log-file", "logs/heatmap.log", status=3)
    outputs.take("heatmap, printed", ran.stdout)
    # The hash is the same again, so what was done is found.
    again = [json.loads(line) for line in command(*mapping, "--json", status=3).stdout.splitlines()]
    assert [told["skipped"] for told in again if told["status"] == "done"] == [True]
    command("render", "maps", "--threshold", 0.4)
    judged = ("evaluate", "--heatmap", "maps", "--truth", truths, "-o", "judged")
    outputs.take("evaluate, printed", command(*judged).stdout)
    for folder in ("maps", "logs", "judged"):
        outputs.folder(folder, tmp_path / folder)
    outputs.of |= _told_by_the_viewer(tmp_path / "maps", svs.parents[2])

    identifying = (*PLANTED, NAME, svs.stem)
    assert len(outputs.of) > 60
    assert outputs.holding(*identifying) == {}
    assert any(HASHED in where for where in outputs.of)

    # Whose is whose is told by the table that was asked for, and by nothing else.
    with (tmp_path / "names.csv").open() as table:
        rows = {row["name"]: row for row in csv.DictReader(table)}
    own = rows[svs.stem]
    assert (own["slide"], own["patient"]) == (str(svs), PATIENT)
    assert own["anonymous_patient"].startswith("patient-")
    assert (tmp_path / "png" / own["anonymous_patient"]).is_dir()


def _told_by_the_viewer(maps: Path, archive: Path) -> dict[str, bytes]:
    """Every kind of answer, right and wrong ones, for every slide."""
    entries = list_slides([maps], ViewSettings(slides=archive))
    assert not any(entry.is_picture for entry in entries)
    told: dict[str, bytes] = {}
    with TestClient(make_app(entries, failed=failed_slides([maps])), base_url=HERE) as client:

        def ask(path: str, *allowed: int) -> None:
            answer = client.get(path)
            assert answer.status_code in (allowed or (200,)), answer.text
            head = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
            told[f"view {path}"] = head.encode() + b"\n\n"
            told[f"view {path}, content"] = answer.content

        for page in ("/", "/api/slides", "/api/colormaps"):
            ask(page)
        for entry in entries:
            about = f"/api/slides/{entry.key}"
            ask(f"/slide/{entry.key}")
            for answer in ("", "/thumbnail.jpg", "/map", "/regions?threshold=0.4", "/drawings"):
                ask(about + answer)
            ask(f"{about}/tiles/0/0/0.jpg")
            ask(f"{about}/tiles/99/0/0.jpg", 404)
        entry = entries[0]
        feature = {
            "type": "Feature",
            "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]},
        }
        saved = client.post(
            f"/api/slides/{entry.key}/drawings",
            json={"features": [feature], "version": None},
            headers={"Origin": HERE},
        )
        assert saved.status_code == 200, saved.text
        told["view, saved"] = saved.content
        told["view, drawings"] = entry.annotations.name.encode() + entry.annotations.read_bytes()
        entry.annotations.write_text("{")
        ask(f"/api/slides/{entry.key}/drawings", 400)
        (maps / entry.key / "summary.json").write_text("{")
        ask(f"/api/slides/{entry.key}/map", 400)
        ask("/api/slides")
    return told


def _truth(folder: Path) -> Path:
    mask = np.zeros((260, 300), np.uint8)
    mask[100:160, 100:200] = 255
    path = folder / "mask.png"
    Image.fromarray(mask).save(path)
    return path


def _picture(slide: Path) -> Any:
    with open_slide(slide) as opened:
        return opened.picture(max_side=400).pixels


def _png(pixels: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
