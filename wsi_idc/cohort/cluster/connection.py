"""Finding a Dask scheduler: by its address, by its file, or by asking Slurm for workers."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import distributed

from wsi_idc.cohort.cluster.slurm import SlurmSettings, cluster_arguments
from wsi_idc.errors import ClusterError, SettingsError, reason
from wsi_idc.near import did_you_mean

log = logging.getLogger("wsi_idc")

_PATIENCE_S = 30


@contextmanager
def scheduler_at(address: str | None, file: Path | None = None) -> Iterator[distributed.Client]:
    """Connect to a scheduler that runs.

    Parameters
    ----------
    address : such as `tcp://scheduler:8786`.
    file : the file that `dask scheduler --scheduler-file` wrote, instead of an address.

    Raises
    ------
    ClusterError
        If there is none.
    """
    _quieten()
    try:
        client = (
            distributed.Client(address, timeout=_PATIENCE_S)
            if file is None
            else distributed.Client(scheduler_file=str(file), timeout=_PATIENCE_S)
        )
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {file or address} ({reason(error)}); start it with "
            f"`dask scheduler`{did_you_mean(address or '', ('slurm',))}"
        ) from error
    with client:
        yield client


@contextmanager
def workers_of_slurm(settings: SlurmSettings, slides: int) -> Iterator[distributed.Client]:
    """Start a scheduler here, and have Slurm start workers, as long as the context lasts.

    Parameters
    ----------
    settings : what a job of Slurm is to be.
    slides : how many there are to do: no more jobs than slides are asked for.

    Raises
    ------
    ClusterError
        If there is no Slurm, or it refuses.
    """
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise SettingsError(
            "--dask slurm needs dask-jobqueue; pip install 'wsi-idc[cluster]'"
        ) from error
    if shutil.which("sbatch") is None:
        raise ClusterError("there is no sbatch here; run --dask slurm where jobs are submitted")
    _quieten()
    jobs = max(1, min(settings.jobs, slides))
    try:
        cluster = SLURMCluster(**cluster_arguments(settings))
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise ClusterError(
            f"Dask cannot be started for Slurm ({reason(error)}); correct the file --dask-config"
        ) from error
    with cluster:
        log.debug("job script:\n%s", cluster.job_script())
        # Not scale(jobs): this also asks for another job where one has ended, its time being up.
        cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
        log.info("jobs asked of Slurm: %d", jobs)
        with distributed.Client(cluster) as client:
            yield client


def _quieten() -> None:
    """Keep Dask's own words of a lost connection away: an error tells of it in a line."""
    if os.environ.get("WSI_IDC_DEBUG"):
        return
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
