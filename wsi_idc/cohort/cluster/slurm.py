"""What a YAML file tells of the jobs that Slurm is to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wsi_idc.cohort.worker import SLIDES_UNDER_WAY
from wsi_idc.errors import SettingsError, reason
from wsi_idc.files import parse_yaml


class SlurmSettings(BaseModel):
    """Jobs of Slurm, each one Dask worker with one model.

    Attributes
    ----------
    jobs : how many at a time, at most.
    cpus : processors of a job.
    memory : of a job, such as ``16GB``.
    walltime : longest time of a job, such as ``08:00:00``; another takes its place then.
    queue, account : as Slurm's options -p and -A.
    directives : further options of sbatch, such as ``--gres=gpu:1``.
    resources : what a worker says it has, such as ``{GPU: 1}``, and slides then ask for.
    prologue : lines of shell before the worker starts, such as ``source ~/idc/bin/activate``.
    python : the Python of the workers; None takes the one that runs here.
    interface : network interface that all machines share, such as ``ib0``.
    log_folder : gets what jobs print; None leaves it to Slurm.
    more : further arguments of `dask_jobqueue.SLURMCluster`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: int = Field(ge=1)
    cpus: int = Field(default=4, ge=1)
    memory: str = "16GB"
    walltime: str = "08:00:00"
    queue: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    resources: dict[str, float] = {}
    prologue: tuple[str, ...] = ()
    python: str | None = None
    interface: str | None = None
    log_folder: Path | None = None
    more: dict[str, Any] = {}


def read_slurm_settings(path: Path) -> SlurmSettings:
    """Read the YAML file of `--dask-config`.

    Raises
    ------
    SettingsError
        If it cannot be read, or says what is not known.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read as YAML ({reason(error)}); correct the file --dask-config"
        ) from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds no settings; write lines such as 'jobs: 20'")
    try:
        return SlurmSettings(**content)
    except (ValidationError, TypeError) as error:
        told = error.errors() if isinstance(error, ValidationError) else []
        what = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in told)
        known = ", ".join(SlurmSettings.model_fields)
        raise SettingsError(f"{path}: {what or error}; known are {known}") from error


def parse_resources(text: str) -> dict[str, float]:
    """Read `GPU=1,memory=2e9` as a dictionary.

    Raises
    ------
    SettingsError
        If it is no such list.
    """
    try:
        pairs = [part.split("=") for part in text.split(",")]
        resources = {name.strip(): float(amount) for name, amount in pairs}
        if not all(name and amount > 0 for name, amount in resources.items()):
            raise ValueError
    except ValueError as error:
        raise SettingsError(
            f"resources must be NAME=AMOUNT, such as GPU=1; not {text!r}"
        ) from error
    return resources


def cluster_arguments(settings: SlurmSettings) -> dict[str, Any]:
    """The arguments of `dask_jobqueue.SLURMCluster` for such jobs."""
    extra = []
    if settings.resources:
        told = ",".join(f"{name}={amount:g}" for name, amount in settings.resources.items())
        extra = ["--resources", told]
    given = {
        "queue": settings.queue,
        "account": settings.account,
        "python": settings.python,
        "interface": settings.interface,
        "log_directory": None if settings.log_folder is None else str(settings.log_folder),
    }
    scheduler = settings.more.get("scheduler_options", {})
    return {
        # Threads of a worker are slides under way; what computes uses the job's processors.
        "cores": SLIDES_UNDER_WAY,
        "processes": 1,
        "job_name": "wsi-idc",
        "job_cpu": settings.cpus,
        "memory": settings.memory,
        "walltime": settings.walltime,
        "job_extra_directives": list(settings.directives),
        # Libraries look at the machine's processors, not at the job's.
        "job_script_prologue": [
            f"export OMP_NUM_THREADS={settings.cpus} TF_NUM_INTRAOP_THREADS={settings.cpus}",
            *settings.prologue,
        ],
        "worker_extra_args": extra,
        **{name: value for name, value in given.items() if value is not None},
        **settings.more,
        # Any port: a second command on this machine would warn that the first has the usual one.
        "scheduler_options": {"dashboard_address": ":0", **scheduler},
    }
