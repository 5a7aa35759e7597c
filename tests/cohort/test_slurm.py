"""Workers by Slurm: what its jobs are told, and what becomes of them; Slurm itself is played."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import small_cohorts

from wsi_idc.errors import ClusterError, SettingsError

pytest.importorskip("dask_jobqueue", reason="the extra `cluster` is not installed")

import dask
from dask_jobqueue import SLURMCluster

from wsi_idc.cohort.cluster.connection import workers_of_slurm
from wsi_idc.cohort.cluster.crew import DaskCrew
from wsi_idc.cohort.cluster.slurm import cluster_arguments, parse_resources, read_slurm_settings
from wsi_idc.cohort.run import run_cohort

_YAML = """
jobs: 20
cpus: 8
memory: 24GB
walltime: "12:00:00"
queue: gpu
account: pathology
directives: ["--gres=gpu:1", "--exclude=node7"]
resources: {GPU: 1}
prologue:
  - module load cuda
  - source /shared/idc/bin/activate
python: /shared/idc/bin/python
log_folder: /shared/logs
more: {scheduler_options: {host: 127.0.0.1}}
"""

# `sbatch` runs a copy of the script; the number of a job is that of its process group.
_SBATCH = """#!/bin/sh
cp "$1" "$JOBS/$$.sh"
setsid sh "$JOBS/$$.sh" >> "$JOBS/log" 2>&1 &
echo $! >> "$JOBS/submitted"
echo "Submitted batch job $!"
"""
_SCANCEL = """#!/bin/sh
echo $1 >> "$JOBS/cancelled"
kill -- -$1
"""


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    file = tmp_path / "jobs.yaml"
    file.write_text(_YAML)
    return file


def test_the_job_script(settings_file: Path) -> None:
    with SLURMCluster(**cluster_arguments(read_slurm_settings(settings_file))) as cluster:
        script = cluster.job_script().splitlines()
        address = cluster.scheduler_address
    assert script[0] == "#!/usr/bin/env bash"
    assert [line for line in script if line.startswith("#SBATCH")] == [
        "#SBATCH -J wsi-idc",
        "#SBATCH -e /shared/logs/wsi-idc-%J.err",
        "#SBATCH -o /shared/logs/wsi-idc-%J.out",
        "#SBATCH -p gpu",
        "#SBATCH -A pathology",
        "#SBATCH -n 1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=23G",
        "#SBATCH -t 12:00:00",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --exclude=node7",
    ]
    assert "export OMP_NUM_THREADS=8 TF_NUM_INTRAOP_THREADS=8" in script
    prologue = script.index("module load cuda")
    assert script[prologue + 1] == "source /shared/idc/bin/activate"
    command = script[prologue + 2]
    assert command.startswith(f"/shared/idc/bin/python -m distributed.cli.dask_worker {address} ")
    # Two slides at a time with one model, whatever the processors.
    assert " --nthreads 2 " in command and "--nworkers" not in command
    assert command.endswith(" --resources GPU=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs: none", "jobs: Input should be a valid integer"),
        ("cpus: 4", "jobs: Field required"),
        ("jobs: 2\ncores: 4", "cores: Extra inputs are not permitted; known are jobs, cpus"),
        ("- jobs", "holds no settings; write lines such as .jobs: 20."),
        ("jobs: [", "cannot be read as YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "jobs.yaml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_slurm_settings(tmp_path / "jobs.yaml")


def test_resources_are_read() -> None:
    assert parse_resources("GPU=1, memory=2e9") == {"GPU": 1, "memory": 2e9}
    for wrong in ("GPU", "GPU=many", "=1", "GPU=0"):
        with pytest.raises(SettingsError, match="NAME=AMOUNT"):
            parse_resources(wrong)


def test_a_machine_without_slurm_is_told(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(ClusterError, match="no sbatch here"),
        workers_of_slurm(read_slurm_settings(settings_file), 3),
    ):
        pass


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that tells what was asked of a Slurm that is none."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    for name, script in (("sbatch", _SBATCH), ("scancel", _SCANCEL)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(folder))
    monkeypatch.setenv("PYTHONPATH", small_cohorts.environment()["PYTHONPATH"])
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_another_job_takes_the_place_of_one_that_ended(tmp_path: Path, jobs: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "{jobs: 5, memory: 4GB, more: {scheduler_options: {host: 127.0.0.1}}}"
    )
    tasks = []
    for number in range(2):
        small_cohorts.write_section(tmp_path / f"s{number}.tif", number)
    tasks = small_cohorts.tasks_of(tmp_path)
    settings = read_slurm_settings(tmp_path / "jobs.yaml")
    job = small_cohorts.mapping(tmp_path / "out", 0.3)

    def asked() -> list[int]:
        return [int(line) for line in (jobs / "submitted").read_text().split()]

    def hear(*_: object) -> None:
        if len(asked()) == 2:  # no more than there are slides
            with suppress(ProcessLookupError):
                os.killpg(asked()[0], signal.SIGKILL)

    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}),
        DaskCrew(job, lambda: workers_of_slurm(settings, len(tasks)), None, hear) as crew,
    ):
        assert all(outcome.done for outcome in run_cohort(crew, tasks))
        assert len(asked()) == 3
    cancelled = {int(line) for line in (jobs / "cancelled").read_text().split()}
    assert set(asked()[1:]) <= cancelled
