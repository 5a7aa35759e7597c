"""What is to be done with one slide, what came of it, and what a job is.

All of it travels between processes and machines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wsi_idc.privacy import Veil
from wsi_idc.progress import Progress
from wsi_idc.slides import SlideSource

if TYPE_CHECKING:
    from wsi_idc.annotations.roi import RegionOfInterest


@dataclass(frozen=True)
class SlideTask:
    """One slide of a cohort, ready to be done.

    Attributes
    ----------
    source : the slide; its name is that of its results.
    tissue : where its tissue is, if that is given.
    roi : the part of it that is asked for; None is all.
    patient : whose slide it is; None is a patient of its own.
    truth : where IDC is (`wsi_idc.tiling.planning.TruthSource`); None without labels.
    places : other files and folders that messages may name, and that outputs must not tell.
    hidden : names that outputs must not tell, by what they tell for them.
    """

    source: SlideSource
    tissue: Path | None = None
    roi: RegionOfInterest | None = None
    patient: str | None = None
    truth: Any = None
    places: tuple[Path, ...] = ()
    hidden: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the slide's results are called."""
        return self.source.name or self.source.path.stem

    def veil(self) -> Veil:
        """Takes out of a text about the slide what outputs must not tell."""
        source = self.source
        given = (source.path, self.tissue, self.truth, getattr(self.truth, "file", None))
        region = None if self.roi is None else self.roi.given
        files = [path for path in (*given, region) if isinstance(path, Path)]
        veil = Veil([*files, *self.places])
        own = {source.path.name: source.file, source.path.stem: self.name}
        for name, shown in {**self.hidden, **(own if source.anonymous else {})}.items():
            veil.rename(name, shown)
        return veil


@dataclass(frozen=True)
class SlideDone:
    """What came of a slide that went well.

    Attributes
    ----------
    folder : where its results lie.
    said : in a line, what they are.
    patches : how many.
    tissue_mm2 : area of the tissue.
    tumour_mm2, tumour_fraction : area of the tissue that is tumour, and its share of all tissue;
        None where that was not asked, or is not known.
    warnings : what a user should know.
    skipped : True where an earlier run had done it.
    """

    folder: Path
    said: str
    patches: int
    tissue_mm2: float
    tumour_mm2: float | None = None
    tumour_fraction: float | None = None
    warnings: tuple[str, ...] = ()
    skipped: bool = False


@dataclass(frozen=True)
class Failure:
    """What went wrong with a slide.

    Attributes
    ----------
    step : what was being done: find, open, scale, tissue, annotations, settings, read, score or
        write; `memory` where that ran out, `program` for a fault of wsi-idc.
    error : what is wrong, without folders; outputs hold it.
    remedy : what to do about it, likewise.
    message : both in one line, with the slide, for the terminal.
    trace : where in the program, for developers.
    """

    step: str
    error: str
    remedy: str
    message: str
    trace: str = ""


@dataclass(frozen=True)
class SlideOutcome:
    """What became of a task: exactly one of `done`, `failure`, `busy` and `ends_all` is set.

    Attributes
    ----------
    busy : another process is at it: which.
    ends_all : an error that any slide would meet, such as a full disk.
    """

    task: SlideTask
    done: SlideDone | None = None
    failure: Failure | None = None
    busy: str | None = None
    ends_all: Exception | None = None

    def as_json(self) -> dict[str, Any]:
        """What became of it, for programs; keys as the columns of the cohort's tables."""
        told: dict[str, Any] = {"slide": self.task.source.file, "name": self.task.name}
        if (done := self.done) is not None:
            facts = ("patches", "tissue_mm2", "tumour_mm2", "tumour_fraction", "skipped")
            told |= {"status": "done", "result": str(done.folder)}
            told |= {name: getattr(done, name) for name in facts}
            return told | {"warnings": list(done.warnings)}
        if (failure := self.failure) is not None:
            told |= {"status": "failed", "step": failure.step}
            return told | {"error": failure.error, "remedy": failure.remedy}
        return told | {"status": "busy" if self.busy else "stopped"}


SlideStep = Callable[[SlideTask, Progress], SlideDone]
"""Does one slide; the second argument is told the patches done and to do."""


class JobUnusableError(Exception):
    """The job itself cannot be done, whatever the slide: its cause says why."""


class Job(Protocol):
    """What a command does with each slide of its cohort.

    Attributes
    ----------
    output : the folder of all results.
    """

    @property
    def output(self) -> Path: ...  # noqa: D102

    def step(self) -> SlideStep:
        """Make ready, once a process, to do slides; several threads may do them at a time."""
