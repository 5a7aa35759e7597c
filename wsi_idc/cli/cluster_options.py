"""Options about a cluster that does the slides, and who they make it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
    from wsi_idc.cohort.run import Crew, TaskProgress
    from wsi_idc.cohort.task import Job

_SLURM = "slurm"

DaskOption = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS|slurm",
        help="Have slides done by the workers of a Dask scheduler, such as tcp://host:8786, or by "
        "jobs of Slurm. Needs the extra `cluster`.",
        show_default=False,
    ),
]
DaskSchedulerFileOption = Annotated[
    Path | None,
    typer.Option(
        "--dask-scheduler-file",
        help="The scheduler that `dask scheduler --scheduler-file` wrote this file of.",
        show_default=False,
    ),
]
DaskConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--dask-config",
        help="YAML file: which jobs `--dask slurm` is to ask for.",
        show_default=False,
    ),
]
DaskResourcesOption = Annotated[
    str | None,
    typer.Option(
        "--dask-resources",
        metavar="NAME=AMOUNT,…",
        help="Only workers that were started with `--resources` of so much do slides: GPU=1.",
        show_default="the resources in --dask-config",
    ),
]


@dataclass(frozen=True)
class ClusterOptions:
    """The options that name a cluster."""

    dask: str | None = None
    scheduler_file: Path | None = None
    config: Path | None = None
    resources: str | None = None

    @property
    def are_given(self) -> bool:
        """Whether slides are to be done on a cluster."""
        return self.dask is not None or self.scheduler_file is not None

    def check(self) -> None:
        """Refuse options that do not fit each other.

        Raises
        ------
        SettingsError
            If they do not.
        """
        if self.dask is not None and self.scheduler_file is not None:
            raise SettingsError("give either --dask or --dask-scheduler-file")
        if not self.are_given and (self.config or self.resources):
            raise SettingsError("--dask-config and --dask-resources need --dask")
        if (self.dask == _SLURM) != (self.config is not None):
            raise SettingsError(
                "--dask slurm needs --dask-config, which says what jobs to ask for"
                if self.config is None
                else "--dask-config is for --dask slurm"
            )

    def crew(self, job: Job, slides: int, timeout_s: float | None, told: TaskProgress) -> Crew:
        """The cluster's workers.

        Raises
        ------
        SettingsError
            If Dask is not installed, or a value cannot be used.
        """
        try:
            from wsi_idc.cohort.cluster.connection import scheduler_at, workers_of_slurm
            from wsi_idc.cohort.cluster.crew import DaskCrew
            from wsi_idc.cohort.cluster.slurm import parse_resources, read_slurm_settings
        except ImportError as error:
            raise SettingsError(
                f"--dask needs Dask ({error}); pip install 'wsi-idc[cluster]'"
            ) from error
        resources = {} if self.resources is None else parse_resources(self.resources)
        if self.config is None:
            connect = partial(scheduler_at, self.dask, self.scheduler_file)
        else:
            settings = read_slurm_settings(self.config)
            resources = resources or settings.resources
            connect = partial(workers_of_slurm, settings, slides)
        return DaskCrew(job, connect, timeout_s, told, resources)
