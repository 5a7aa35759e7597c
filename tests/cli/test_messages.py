"""Options that do not fit each other, or files that are not there for them, are told of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from told_messages import check_told, says
from typer.testing import CliRunner

from wsi_idc.cli.annotation_options import AnnotationOrigin, Labelling, RoiGiven
from wsi_idc.cli.app import app
from wsi_idc.cli.cluster_options import ClusterOptions
from wsi_idc.cli.cohort_options import CohortOptions
from wsi_idc.cli.evaluate import _judge_model
from wsi_idc.cli.tile import _check_truth_mask, _target_mpp, _truth_of
from wsi_idc.cohort.table import CohortSlide
from wsi_idc.model.folder import SHIPPED_MODEL

SLIDE = CohortSlide(Path("slides/a.svs"), "a")


def labelling(annotations: Path | None = None, positive: tuple[str, ...] = ()) -> Labelling:
    return Labelling(annotations, positive, (), AnnotationOrigin.SLIDE, False)


@pytest.mark.parametrize(
    ("message", "act"),
    [
        (
            "give --annotations or --truth-mask, not both: each is the truth",
            lambda folder: labelling(folder).check(1, folder / "a.png", False),
        ),
        (
            "--positive-class, --ignore-class and --unannotated-negative say how to read "
            "annotations: give these with --annotations",
            lambda folder: labelling(None, ("IDC",)).check(1, None, False),
        ),
        (
            "… … is not a folder, but there are … slides, each with areas of its own; give a "
            "folder of <slide>.geojson, .json or .xml",
            lambda folder: labelling(folder / "a.geojson").check(2, None, False),
        ),
        (
            "… holds no <slide>.geojson, .json or .xml for …; add it, leave the slide out, or say "
            "with --unannotated-negative that such slides have no IDC",
            lambda folder: labelling(folder).of(SLIDE),
        ),
        (
            "… holds no <slide>.geojson, .json or .xml for …, which says its region; add it, or "
            "leave the slide out",
            lambda folder: RoiGiven(str(folder), AnnotationOrigin.SLIDE).of(SLIDE),
        ),
        (
            "--truth-mask … is not a folder, but there are … slides, each with a truth of its own; "
            "give a folder of <slide>.png or <slide>_truth.png",
            lambda folder: _check_truth_mask(folder / "a.png", 2),
        ),
        (
            "… holds neither ….png nor …_truth.png, the truth of …; add it, or leave the slide out",
            lambda folder: _truth_of(SLIDE, folder),
        ),
        (
            "give --mpp or --magnification, not both: they are one thing",
            lambda folder: _target_mpp(8.0, 40.0),
        ),
        ("--magnification must be above 0, not …", lambda folder: _target_mpp(None, 0.0)),
        (
            "give either --dask or --dask-scheduler-file",
            lambda folder: ClusterOptions("tcp://a:1", folder / "s.json").check(),
        ),
        (
            "--dask-config and --dask-resources need --dask",
            lambda folder: ClusterOptions(resources="GPU=1").check(),
        ),
        (
            "--dask slurm needs --dask-config, which says what jobs to ask for",
            lambda folder: ClusterOptions("slurm").check(),
        ),
        (
            "--dask-config is for --dask slurm",
            lambda folder: ClusterOptions("tcp://a:1", config=folder / "jobs.yaml").check(),
        ),
        (
            "--timeout needs a process that can be ended: leave --workers 0 out",
            lambda folder: CohortOptions(False, 0, 9.0, None).check(),
        ),
        (
            "--workers is of this machine; with --dask the cluster has its own",
            lambda folder: CohortOptions(False, 2, None, None, ClusterOptions("tcp://a:1")).check(),
        ),
        (
            "none of the slides failed in …; leave out --only-failed",
            lambda folder: CohortOptions(False, None, None, None, only_failed=True).share(
                [], folder
            ),
        ),
    ],
)
def test_options(message: str, act: Callable[[Path], object], tmp_path: Path) -> None:
    check_told(message, lambda: act(tmp_path))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("--heatmap and --truth go together; give both", ("evaluate", "--heatmap", "maps")),
        ("give [MODEL] and PATCHES, or --heatmap RESULT and --truth FILE", ("evaluate", *"abc")),
        (
            "… is a model; give a folder of labelled patches after it",
            ("evaluate", str(SHIPPED_MODEL)),
        ),
        (
            "there are … results and one truth, …; give a folder of truths named for the slides",
            ("evaluate", "--heatmap", "a", "--heatmap", "b", "--truth", "c.png"),
        ),
        (
            "give patients with --patients or in the table of slides, not both",
            ("tile", "slides.csv", "-o", "out", "--patients", "patients.csv"),
        ),
        ("there is no --config …; check the path", ("info", "a.svs", "--config", "none.toml")),
        (
            "--config … cannot be read (…); give a TOML or YAML file",
            ("info", "a.svs", "--config", "."),
        ),
        (
            "--config … is no TOML (…); mend it, or end its name in .yaml",
            ("info", "a.svs", "--config", "slides.csv"),
        ),
        (
            "--config … is no YAML (…); mend it, or end its name in .toml",
            ("info", "a.svs", "--config", "wrong.yaml"),
        ),
        (
            "--config … holds no names with values; write lines such as stride = 25",
            ("info", "a.svs", "--config", "list.yaml"),
        ),
        ("…: there is no command …", ("info", "a.svs", "--config", "command.toml")),
        ("…: … has no option …", ("info", "a.svs", "--config", "option.toml")),
        ("…: … stands in it twice; keep one", ("info", "a.svs", "--config", "twice.toml")),
        ("… takes one value, not a list", ("info", "a.svs", "--config", "list.toml")),
        ("… is true or false, not …", ("info", "a.svs", "--config", "flag.toml")),
        ("… takes text or a number, not …", ("info", "a.svs", "--config", "kind.toml")),
        (
            "… has a value that is too long; give a shorter one",
            ("info", "a.svs", "--config", "long.toml"),
        ),
        (
            "--config … has … characters, and at most … are read; give a file of options",
            ("info", "a.svs", "--config", "large.toml"),
        ),
        (
            "cannot write the log file …: …; choose another place with --log-file",
            ("tile", "a.svs", "-o", "out", "--log-file", "slides.csv/log"),
        ),
    ],
)
def test_commands(
    message: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "slides.csv": "slide,patient\na.svs,P1\n",
        "wrong.yaml": "a: [",
        "list.yaml": "- a",
        "command.toml": "[inform]",
        "option.toml": "mp = 8",
        "twice.toml": "mpp = 8\n[info]\nmpp = 9",
        "list.toml": "mpp = [8, 9]",
        "flag.toml": "icc = 'yes'",
        "kind.toml": "mpp = 2024-01-01",
        "long.toml": f"mpp = '{'8' * 5000}'",
        "large.toml": "# nothing\n" * 200_000,
    }.items():
        (tmp_path / name).write_text(text)
    done = CliRunner().invoke(app, words, prog_name="wsi-idc")
    assert done.exit_code == (1 if "--log-file" in words else 2)
    (line,) = done.stderr.splitlines()
    assert says(message).fullmatch(line.removeprefix("error: ")), line


def test_patients_of_a_split_without_patches_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A figure of fewer patients than its split has is another one."""
    judged = SimpleNamespace(missing=("P8", "P9"), left_out=())
    monkeypatch.setattr("wsi_idc.model.evaluation.evaluate", lambda *_, **__: judged)
    monkeypatch.setattr("wsi_idc.model.scorer.load_model", lambda *_, **__: None)
    monkeypatch.setattr(logging.getLogger("wsi_idc"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("wsi_idc"), "handlers", [])
    options = {"device": "cpu", "runtime": "auto", "slides": None, "all_patients": True}
    _judge_model(Path("m"), Path("p"), Path("split.csv"), (), tta=False, **options)  # type: ignore[arg-type]
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert says("… patients of the split have no patches here: …").fullmatch(record.getMessage())
    assert record.getMessage().endswith("P8, P9")
