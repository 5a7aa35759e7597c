"""What is wrong with a cohort, its table or its machines is said in words that help."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import small_cohorts
from told_messages import check_told

from wsi_idc.cohort.inputs import companion, find_slides
from wsi_idc.cohort.locks import locked, waited_for
from wsi_idc.cohort.records import prepare_output
from wsi_idc.cohort.slides import parse_shard, read_cohort
from wsi_idc.cohort.table import read_table
from wsi_idc.cohort.task import SlideTask
from wsi_idc.cohort.worker import WorkerProcess
from wsi_idc.slides import SlideSource

if TYPE_CHECKING:
    from wsi_idc.cohort.cluster.crew import DaskCrew


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (
            "… has no column 'slide'; a table of slides needs it, and may have …",
            b"file,patient\na.svs,P\n",
        ),
        (
            "… cannot be read as a table of slides (…); give a CSV in UTF-8",
            "slide\nä\n".encode("latin-1"),
        ),
        ("… lists no slides; write a line for each below the first", b"slide\n"),
        ("…, line …: the column 'slide' is empty; name the slide's file", b"slide,patient\n,P\n"),
        (
            "…, line …: the patient is missing, who might be one of the others; name all patients "
            "or none",
            b"slide,patient\na.svs,P\nb.svs,\n",
        ),
        (
            "… is a table that a run wrote, which does not tell the slides' folders; give the "
            "slides, and --only-failed for those that failed",
            b"slide,name,status\na.svs,a,failed\n",
        ),
        (
            "… and … are both named …, so their results would lie in one place; give them "
            "different values in the column 'name'",
            b"slide,name\na.svs,x\nb.svs,X\n",
        ),
        (
            "… is listed twice, with different values; remove one of the lines",
            b"slide,patient\na.svs,P\na.svs,Q\n",
        ),
    ],
)
def test_tables(message: str, content: bytes, tmp_path: Path) -> None:
    table = tmp_path / "cohort.csv"
    table.write_bytes(content)
    check_told(message, lambda: read_cohort([table]))


def test_a_line_is_told_with_what_is_wrong_in_it(tmp_path: Path) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text("slide,slide_mpp\na.svs,forty\n")
    told = "--slide-mpp must be microns per pixel, as 0.25 or as 0.25,0.26 (x,y), not …"
    check_told(told, lambda: read_table(table))


@pytest.mark.parametrize(
    ("message", "act"),
    [
        ("nothing matches …; check the pattern", lambda folder: find_slides([folder / "*.svs"])),
        (
            "… holds no slides; known endings are …; --recursive looks into the folders below it, "
            "too",
            lambda folder: find_slides([folder]),
        ),
        (
            "… holds no slides; known endings are …",
            lambda folder: find_slides([folder], recursive=True),
        ),
        (
            "… holds … and …, both for …; leave the right one only",
            lambda folder: companion(Path("a.svs"), folder, (".json", ".xml")),
        ),
        (
            "--shard must be I/N, the I-th of N shares counted from 1, such as 3/20; not …",
            lambda folder: parse_shard("0/4"),
        ),
        (
            "cannot write …: …; …choose another place with --output",
            lambda folder: prepare_output(folder / "a.json"),
        ),
    ],
)
def test_folders(message: str, act: Callable[[Path], object], tmp_path: Path) -> None:
    for name in ("a.json", "a.xml"):
        (tmp_path / name).touch()
    check_told(message, lambda: act(tmp_path))


def test_a_lock_that_does_not_come_free(tmp_path: Path) -> None:
    def wait() -> None:
        with locked(tmp_path / "lock") as holder:
            assert holder is None
            with waited_for(tmp_path / "lock", 0.1):
                raise AssertionError

    check_told("… is held by …; if that is gone, remove the file", wait)


def test_a_process_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = SlideTask(SlideSource(Path("a.svs")))
    worker = WorkerProcess(small_cohorts.mapping(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "absent"))
    check_told(
        "no process could be started to work in (…); close other programs, or work in this one "
        "with --workers 0",
        lambda: worker.run(task),
    )


def test_a_process_that_ends_as_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A job that the child cannot be made ready for, as where it has another version."""
    worker = WorkerProcess(small_cohorts.mapping(tmp_path))
    monkeypatch.setattr("wsi_idc.cohort.worker.process._CHILD", "wsi_idc.absent")
    task = SlideTask(SlideSource(Path("a.svs")))
    check_told(
        "the process that is to do slides does not start (…); what it said stands above",
        lambda: worker.run(task),
    )
    (line,) = capfd.readouterr().err.splitlines()
    assert "No module named 'wsi_idc.absent'" in line


class TestClusters:
    """Without any: what Dask says is put into its mouth."""

    @pytest.fixture(autouse=True)
    def dask(self) -> None:
        pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            ("… cannot be read as YAML (…); correct the file --dask-config", "jobs: ["),
            ("… holds no settings; write lines such as 'jobs: 20'", "- jobs"),
            ("…: …; known are …", "jobs: none"),
        ],
    )
    def test_settings(self, message: str, text: str, tmp_path: Path) -> None:
        from wsi_idc.cohort.cluster.slurm import read_slurm_settings

        (tmp_path / "jobs.yaml").write_text(text)
        check_told(message, lambda: read_slurm_settings(tmp_path / "jobs.yaml"))

    def test_resources(self) -> None:
        from wsi_idc.cohort.cluster.slurm import parse_resources

        told = "resources must be NAME=AMOUNT, such as GPU=1; not …"
        check_told(told, lambda: parse_resources("GPU"))

    def test_dask_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from wsi_idc.cli.cluster_options import ClusterOptions

        monkeypatch.setitem(sys.modules, "wsi_idc.cohort.cluster.connection", None)
        check_told(
            "--dask needs Dask (…); pip install 'wsi-idc[cluster]'",
            lambda: ClusterOptions("tcp://a:1").crew(None, 1, None, None),  # type: ignore[arg-type]
        )

    def test_no_scheduler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import distributed

        from wsi_idc.cohort.cluster.connection import scheduler_at

        def unreachable(*_: object, **__: object) -> None:
            raise OSError("Timed out trying to connect")

        monkeypatch.setattr(distributed, "Client", unreachable)
        told = "no Dask scheduler answers at … (…); start it with `dask scheduler`"
        check_told(told, scheduler_at("slrum", None).__enter__)

    @pytest.mark.parametrize(
        ("message", "jobqueue", "sbatch"),
        [
            ("--dask slurm needs dask-jobqueue; pip install 'wsi-idc[cluster]'", None, None),
            (
                "there is no sbatch here; run --dask slurm where jobs are submitted",
                SimpleNamespace(SLURMCluster=None),
                None,
            ),
            (
                "Dask cannot be started for Slurm (…); correct the file --dask-config",
                SimpleNamespace(SLURMCluster=lambda memory, **_: int(memory)),
                "/usr/bin/sbatch",
            ),
        ],
    )
    def test_slurm(
        self,
        message: str,
        jobqueue: object,
        sbatch: str | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from wsi_idc.cohort.cluster.connection import workers_of_slurm
        from wsi_idc.cohort.cluster.slurm import SlurmSettings

        monkeypatch.setitem(sys.modules, "dask_jobqueue", jobqueue)
        monkeypatch.setattr("shutil.which", lambda _: sbatch)
        settings = SlurmSettings(jobs=2, memory="much")
        check_told(message, workers_of_slurm(settings, 3).__enter__)

    def crew(self, output: Path) -> DaskCrew:
        """A crew whose client takes everything, and whose workers will have nothing."""
        from wsi_idc.cohort.cluster.crew import DaskCrew

        def refuse(*_: object, **__: object) -> None:
            raise AttributeError("no such plugin")

        client = SimpleNamespace(register_plugin=refuse)
        job = small_cohorts.mapping(output)
        return DaskCrew(job, lambda: nullcontext(client), None, lambda *_: None)  # type: ignore

    def test_workers_that_are_not_ready(self, tmp_path: Path) -> None:
        told = (
            "the workers cannot be made ready: …: …; install this version of wsi-idc on all "
            "machines"
        )
        check_told(told, self.crew(tmp_path).__enter__)

    @pytest.mark.parametrize(
        ("message", "future"),
        [
            (
                "the connection to the scheduler was lost; start it again, then the same command",
                SimpleNamespace(status="cancelled"),
            ),
            (
                "Dask could not do … (…); run the same command again",
                SimpleNamespace(status="error", exception=lambda: TypeError("not to be pickled")),
            ),
            (
                "a worker has written …, which is not seen here; give an --output that all "
                "machines share",
                SimpleNamespace(
                    status="finished",
                    result=lambda: SimpleNamespace(done=SimpleNamespace(folder=Path("absent"))),
                ),
            ),
        ],
    )
    def test_how_a_task_ends(
        self, message: str, future: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wsi_idc.cohort.cluster.crew._SEEN_AFTER_S", 0.0)
        task = SlideTask(SlideSource(Path("a.svs")))
        check_told(message, lambda: self.crew(tmp_path)._outcome(task, future))
