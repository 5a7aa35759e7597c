"""Unknown commands, options and values: the message names what was probably meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.near import did_you_mean, near_file


def told(*words: str, env: dict[str, str] | None = None) -> str:
    """What wrong usage is told as, on one line; the words of each version of typer differ."""
    done = CliRunner().invoke(app, words, env=env, prog_name="wsi-idc")
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    return done.stderr.partition("Error: ")[2].strip()


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (("heatmpa",), "Did you mean 'heatmap'?"),
        (("model", "pakc"), "Did you mean 'pack'?"),
        (("pack", "a.keras"), "Did you mean 'model pack'?"),
        (("a.svs",), "There are demo, info, tile, train, heatmap, render, view, evaluate, doctor"),
        (("heatmap", "--strid", "5"), "--stride"),
        (("tile", "a", "-o", "b", "--formt", "h5"), "--format"),
        (("info", "a.svs", "--verbos"), "--verbose"),
        (("heatmap", "--mpp", "8"), "which `info`, `tile`, `train` and `model pack` have."),
        (("render", "a", "--stride", "8"), "which `tile` and `heatmap` have."),
    ],
)
def test_commands_and_options(words: tuple[str, ...], right: str) -> None:
    message = told(*words)
    assert message.startswith("No such")
    assert right in message


HEATMAP, TILE, TRAIN = (
    ("heatmap", "a", "-o", "b"),
    ("tile", "a", "-o", "b"),
    ("train", "a", "-o", "b"),
)


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (
            (*TILE, "--format", "hdf5"),
            "'hdf5' is none of png, h5, tfrecord, coords; did you mean 'h5'?",
        ),
        ((*TILE, "--tissue", "otsuu"), "'otsuu' is none of hed, otsu, none; did you mean 'otsu'?"),
        ((*TILE, "--tissue", "kidney"), "'kidney' is none of hed, otsu, none"),
        ((*TILE, "--reader", "OpenSlide"), "did you mean 'openslide'?"),
        ((*TILE, "--annotation-origin", "bound"), "did you mean 'bounds'?"),
        ((*HEATMAP, "--colormap", "virdis"), "did you mean 'viridis'?"),
        ((*HEATMAP, "--runtime", "opnvino"), "did you mean 'openvino'?"),
        ((*HEATMAP, "--geojson-origin", "slid"), "did you mean 'slide'?"),
        ((*TRAIN, "--augmentation", "storng"), "did you mean 'strong'?"),
        ((*TRAIN, "--precision", "bfloat"), "did you mean 'bfloat16'?"),
        (
            (
                "model",
                "pack",
                "a",
                "-o",
                "b",
                "--mpp",
                "1",
                "--classes",
                "c",
                "--output-kind",
                "logits",
            ),
            "did you mean 'logit'?",
        ),
    ],
)
def test_values_of_a_list(words: tuple[str, ...], right: str) -> None:
    message = told(*words)
    assert message.startswith(f"Invalid value for '{words[-2]}': '{words[-1]}' is none of ")
    assert message.endswith(right)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--min-tissue", "3"), ("--min-tissue", "a tenth"), ("--stride", "0"), ("--stride", "2.5")],
)
def test_numbers_are_quoted_with_their_option(option: str, value: str) -> None:
    message = told(*TILE, option, value)
    assert message.startswith(f"Invalid value for '{option}': ")
    assert re.search(rf"\b{re.escape(value)}\b", message)


def test_where_a_value_stands_that_was_not_typed(tmp_path: Path) -> None:
    message = told(*TILE, env={"WSI_IDC_TILE_FORMAT": "pgn"})
    assert message.endswith("did you mean 'png'? (in WSI_IDC_TILE_FORMAT)")
    file = tmp_path / "run.toml"
    file.write_text("[heatmap]\nstride = 'far'\n")
    message = told(*HEATMAP, "--config", str(file))
    assert message.startswith("Invalid value for '--stride'")
    assert message.endswith("(in the --config file)")


def test_missing_arguments_are_named() -> None:
    assert told("tile", "a.svs").startswith("Missing option '--output' / '-o'")
    assert "b.svs" in told("info", "a.svs", "b.svs")


@pytest.mark.parametrize(
    ("words", "status", "right"),
    [
        (("info", "section1.svs"), 1, "no such file; check the path; did you mean 'section.svs'?"),
        (("heatmap", "section.svs", "-o", "out", "-m", "my-modle"), 1, "did you mean 'my-model'?"),
        (("heatmap", "section.svs", "-o", "out", "-m", "shiped"), 1, "did you mean 'shipped'?"),
        (("info", "section.svs", "--config", "run.tolm"), 2, "did you mean 'run.toml'?"),
    ],
)
def test_files_that_are_not_there(
    words: tuple[str, ...],
    status: int,
    right: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("section.svs", "run.toml"):
        (tmp_path / name).touch()
    (tmp_path / "my-model").mkdir()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == status
    (line,) = done.stderr.splitlines()
    assert line.endswith(right)


def test_records_of_a_run_name_no_other_slide(tmp_path: Path) -> None:
    """The terminal may: it is of who types."""
    (tmp_path / "Jane-Doe-1.svs").touch()
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["tile", str(tmp_path / "Jane-Doe-2.svs"), "-o", str(out)])
    assert "did you mean 'Jane-Doe-1.svs'?" in done.stderr
    kept = "".join(file.read_text() for file in out.rglob("*") if file.is_file())
    assert "there is no such file" in kept
    assert "Jane-Doe-1" not in kept


def test_capitals_count_for_little_and_far_names_for_nothing(tmp_path: Path) -> None:
    assert did_you_mean("OTSU", ["hed", "otsu"]) == "; did you mean 'otsu'?"
    assert did_you_mean("kidney", ["hed", "otsu"]) == ""
    assert near_file(tmp_path / "absent" / "file") == ""
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    assert near_file(tmp_path / "link") == ""
