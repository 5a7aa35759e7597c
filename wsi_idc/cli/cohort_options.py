"""Options about many slides, and what `tile` and `heatmap` do with them alike."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.cluster_options import ClusterOptions
from wsi_idc.cli.console import CohortBar, log, report
from wsi_idc.cli.kept_log import given_paths
from wsi_idc.cli.name_options import NameOptions
from wsi_idc.cli.options import Reader
from wsi_idc.errors import SettingsError, WsiIdcError
from wsi_idc.near import near_file

if TYPE_CHECKING:
    from wsi_idc.cohort.run import Crew
    from wsi_idc.cohort.table import CohortSlide
    from wsi_idc.cohort.task import Job, SlideOutcome, SlideTask
    from wsi_idc.slides import SlideSource

_TIMEOUT_S = 1800.0
# The tables cost reading all records, so a cohort of thousands does not write them every slide:
# after so long, and not before they have taken less than a twentieth of the time.
_TABLES_EVERY_S, _TABLES_SHARE = 30.0, 0.05

RecursiveOption = Annotated[
    bool, typer.Option("--recursive", "-r", help="Also look into the folders below a folder.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that do slides side by side. 0 does them in this one, which a slide "
        "library that crashes would end.",
        show_default="1; 0 for a single slide",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0,
        metavar="SECONDS",
        help="Give a slide up that makes no progress for so long; 0 waits for ever.",
        show_default=f"{_TIMEOUT_S:g}; a single slide is waited for",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do the I-th of N shares of the slides only, counted from 1: one job of an array.",
        show_default=False,
    ),
]
OnlyFailedOption = Annotated[
    bool, typer.Option("--only-failed", help="Only slides that failed last time.")
]
SlidesJsonOption = Annotated[
    bool, typer.Option("--json", help="Print a line of JSON for each slide when it ends.")
]


@dataclass(frozen=True)
class CohortOptions:
    """The options that say who does which slides, and how it is told."""

    recursive: bool
    workers: int | None
    timeout_s: float | None
    shard: str | None
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    as_json: bool = False
    only_failed: bool = False
    names: NameOptions = field(default_factory=NameOptions)

    def check(self) -> None:
        """Refuse options that do not fit each other.

        Raises
        ------
        SettingsError
            If they do not.
        """
        if self.workers == 0 and self.timeout_s:
            raise SettingsError(
                "--timeout needs a process that can be ended: leave --workers 0 out"
            )
        if self.workers is not None and self.cluster.are_given:
            raise SettingsError("--workers is of this machine; with --dask the cluster has its own")
        self.cluster.check()
        self.names.check()

    def slides(
        self, paths: Sequence[Path], output: Path, patients: Path | None = None
    ) -> list[CohortSlide]:
        """All slides of the cohort, each by the name that its results are to have."""
        from wsi_idc.cohort.slides import read_cohort, with_patients

        found = read_cohort(paths, recursive=self.recursive)
        return self.names.of(found if patients is None else with_patients(found, patients), output)

    def share(self, slides: list[CohortSlide], output: Path) -> list[CohortSlide]:
        """Those of them that this run is to do."""
        mine = self._shard_of(slides)
        if not self.only_failed:
            return mine
        from wsi_idc.cohort.records import failed_names

        failed = failed_names(output)
        mine = [slide for slide in mine if slide.name in failed]
        if not mine:
            raise SettingsError(f"none of the slides failed in {output}; leave out --only-failed")
        return mine

    def _shard_of(self, slides: list[CohortSlide]) -> list[CohortSlide]:
        if self.shard is None:
            return slides
        from wsi_idc.cohort.slides import parse_shard

        number, shares = parse_shard(self.shard)
        mine = slides[number - 1 :: shares]
        log.info("shard %d of %d: %d of %d slides", number, shares, len(mine), len(slides))
        return mine

    def crew(self, job: Job, slides: int, bar: CohortBar) -> Crew:
        """Who is to do so many slides."""
        from wsi_idc.cohort.run import HereCrew, LocalCrew

        def told(task: SlideTask, done: int, total: int) -> None:
            bar.told(task.name, done, total)

        timeout_s = _TIMEOUT_S if self.timeout_s is None else self.timeout_s or None
        if timeout_s == math.inf:  # clocks do not know it
            timeout_s = None
        if self.cluster.are_given:
            return self.cluster.crew(job, slides, timeout_s, told)
        workers = self.workers
        if workers is None:
            workers = 0 if slides == 1 and not self.timeout_s else 1
        if workers == 0:
            return HereCrew(job, told)
        return LocalCrew(job, workers, timeout_s, told)


def source_of(
    slide: CohortSlide,
    reader: Reader,
    slide_mpp: tuple[float, float] | None,
    icc: bool,
    isolated: bool,
) -> SlideSource:
    """How to open a slide of a cohort; what a table says of it comes before the options."""
    from wsi_idc.slides import SlideSource

    return SlideSource(
        slide.path,
        reader.value,
        slide.slide_mpp or slide_mpp,
        icc,
        isolated=isolated,
        name=slide.name,
        anonymous=slide.is_anonymous,
    )


def dry_run_of(slides: Sequence[CohortSlide], say: Callable[[CohortSlide], None]) -> int:
    """Tell what would be done with each slide, and give the exit status."""
    from wsi_idc.cohort.run import exit_status, run_slides

    by_path = {slide.path: slide for slide in slides}
    return exit_status(
        run_slides(
            by_path, lambda path: say(by_path[path]), lambda path, error: report(error, path)
        )
    )


def run_job(
    job: Job,
    slides: Sequence[CohortSlide],
    task_of: Callable[[CohortSlide], SlideTask],
    options: CohortOptions,
) -> int:
    """Do a job on each slide, tell what became of each, and give the exit status.

    Raises
    ------
    WsiIdcError
        What every slide would meet: the output cannot be written, the model cannot be loaded.
    """
    from wsi_idc.cohort.records import FAILURES_TABLE, prepare_output, write_tables
    from wsi_idc.cohort.run import run_cohort, status_of

    began = time.monotonic()
    prepare_output(job.output)
    tasks, failed = _tasks(job, slides, task_of, as_json=options.as_json)
    done = 0
    tables_due = began + _TABLES_EVERY_S
    try:
        with (
            CohortBar(len(tasks)) as bar,
            options.crew(job, len(tasks), bar) as crew,
        ):
            for outcome in run_cohort(crew, tasks):
                bar.ended(outcome.task.name)
                failed += outcome.failure is not None
                done += outcome.done is not None
                # After they are counted: an interruption tells of as many as were told of.
                _say(outcome, as_json=options.as_json)
                if (now := time.monotonic()) > tables_due:
                    write_tables(job.output, at_once=True)
                    took = time.monotonic() - now
                    tables_due = now + max(_TABLES_EVERY_S, took / _TABLES_SHARE)
    except BaseException:
        if len(slides) > 1:
            log.error("%d of %d slides are done; the same command goes on", done, len(slides))
        with contextlib.suppress(WsiIdcError):
            write_tables(job.output)
        raise
    write_tables(job.output)
    if len(slides) > 1:
        told = f", {failed} failed: see {job.output / FAILURES_TABLE}" if failed else ""
        seconds = time.monotonic() - began
        log.info("%d of %d slides done in %.0f s%s", done, len(slides), seconds, told)
    return status_of(failed, len(slides))


def _tasks(
    job: Job,
    slides: Sequence[CohortSlide],
    task_of: Callable[[CohortSlide], SlideTask],
    *,
    as_json: bool,
) -> tuple[list[SlideTask], int]:
    """The slides that are ready to be done, and how many are not: those are told of."""
    from wsi_idc.cohort.failures import failure_of
    from wsi_idc.cohort.one import set_down
    from wsi_idc.cohort.task import SlideTask
    from wsi_idc.slides import SlideSource

    tasks, failed = [], 0
    places = given_paths()
    for slide in slides:
        try:
            tasks.append(replace(task_of(slide), places=places, hidden=slide.hidden))
        except WsiIdcError as error:
            failed += 1
            source = SlideSource(slide.path, name=slide.name, anonymous=slide.is_anonymous)
            unready = SlideTask(source, places=places, hidden=slide.hidden)
            outcome = set_down(job.output, unready, failure_of(error, unready), 0.0)
            _say(outcome, as_json=as_json)
    return tasks, failed


def _say(outcome: SlideOutcome, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    if outcome.failure is not None:
        near = near_file(outcome.task.source.path) if outcome.failure.step == "find" else ""
        log.error("error: %s%s", outcome.failure.message, near)
        log.debug("%s", outcome.failure.trace)
    if outcome.done is not None:
        log.info("%s", outcome.done.said)
        for warning in outcome.done.warnings:
            log.warning("%s: warning: %s", outcome.task.name, warning)
