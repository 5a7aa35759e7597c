"""`wsi-idc heatmap` over a cohort: what is done with each slide, with one model for all.

Several slides may be under way in a process: while one is scored, the next is opened, its tissue
found and its first blocks read, and the one before is drawn and written. Scoring goes slide after
slide: were two scored by turns, they would be written by turns as well, and the model would wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from wsi_idc.cohort.task import JobUnusableError, SlideDone, SlideStep, SlideTask
from wsi_idc.heatmap.predict import predict_slide
from wsi_idc.heatmap.result import OVERLAY, HeatmapResult
from wsi_idc.heatmap.scoring import ScoreSettings
from wsi_idc.progress import Progress

if TYPE_CHECKING:
    from wsi_idc.model.card import ModelCard
    from wsi_idc.model.scorer import Scorer

_SIGN_S = 1.0


@dataclass(frozen=True)
class HeatmapJob:
    """Map each slide.

    Attributes
    ----------
    output : gets a result folder for each slide.
    card : the model's.
    load : loads the model; a partial function that can travel.
    settings, threshold, display, export, overwrite : arguments of `predict_slide`.
    """

    output: Path
    card: ModelCard
    load: Callable[[], Scorer]
    settings: ScoreSettings
    threshold: float | None = None
    display: dict[str, Any] = field(default_factory=dict)
    export: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False

    def step(self) -> SlideStep:
        """One model for all slides of the process; it is loaded when the first is scored."""
        model = SharedModel(self.card, self.load)

        def step(task: SlideTask, progress: Progress) -> SlideDone:
            last = (0, 1)

            def told(done: int, total: int) -> None:
                nonlocal last
                last = (done, total)
                if done == total:
                    model.leave()
                progress(done, total)

            with model.used_by(lambda: progress(*last)):
                return self._map(task, cast("Scorer", model), told)

        return step

    def _map(self, task: SlideTask, scorer: Scorer, progress: Progress) -> SlideDone:
        folder = self.output / task.name
        began_scoring = False

        def told(done: int, total: int) -> None:
            nonlocal began_scoring
            began_scoring = True
            progress(done, total)

        result = predict_slide(
            task.source,
            scorer,
            folder,
            self.settings,
            tissue=task.tissue,
            roi=task.roi,
            threshold=self.threshold,
            display=self.display,
            export=self.export,
            overwrite=self.overwrite,
            progress=told,
        )
        summary = result.summary
        return SlideDone(
            folder=folder,
            said=result_in_words(result, folder, done_before=not began_scoring),
            patches=result.patches,
            tissue_mm2=result.tissue_mm2,
            tumour_mm2=summary.positive_tissue_mm2,
            tumour_fraction=summary.tumour_fraction_of_tissue,
            warnings=result.warnings,
            skipped=not began_scoring,
        )


class SharedModel:
    """A model for the slides of a process, scoring one of them at a time.

    To `predict_slide` it is a `Scorer`. A slide has its turn from its first patches on until its
    thread calls `leave`.
    """

    def __init__(self, card: ModelCard, load: Callable[[], Scorer]) -> None:
        self.card = card
        self._load = load
        self._loader: Future[Scorer] | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._mine = threading.local()

    @contextmanager
    def used_by(self, sign: Callable[[], None]) -> Iterator[None]:
        """Score a slide in this thread; `sign` is called while it waits, lest it seem to hang."""
        self._mine.sign = sign
        try:
            yield
        finally:
            self.leave()
            self._mine.sign = None

    def predict_classes(
        self, patches: NDArray[np.uint8], *, tta: bool = False
    ) -> NDArray[np.float32]:
        """As `Scorer.predict_classes`, once it is this slide's turn."""
        if not getattr(self._mine, "turn", False):
            while not self._turn.acquire(timeout=_SIGN_S):
                self._mine.sign()
            self._mine.turn = True
        return self._loaded().predict_classes(patches, tta=tta)

    def leave(self) -> None:
        """Let the next slide score, if this thread's slide has its turn."""
        if getattr(self._mine, "turn", False):
            self._mine.turn = False
            self._turn.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded(), name)

    def _loaded(self) -> Scorer:
        with self._lock:
            if self._loader is None:
                self._loader = Future()
                threading.Thread(target=_fulfil, args=(self._loader, self._load)).start()
        while wait([self._loader], timeout=_SIGN_S).not_done:
            self._mine.sign()
        try:
            return self._loader.result()
        except Exception as error:
            raise JobUnusableError(str(error)) from error


def _fulfil(loader: Future[Scorer], load: Callable[[], Scorer]) -> None:
    try:
        loader.set_result(load())
    except BaseException as error:
        loader.set_exception(error)


def result_in_words(result: HeatmapResult, folder: Path, *, done_before: bool = False) -> str:
    """In a line, what a slide's map shows and where it is."""
    summary = result.summary
    before = ", done before" if done_before else ""
    return (
        f"{result.name}: {result.patches:,} patches, "
        f"{result.probability.class_name} on {summary.positive_mm2:.1f} of "
        f"{summary.assessed_mm2:.1f} mm² assessed ({100 * summary.positive_fraction:.0f} %) at "
        f"threshold {summary.threshold:.2f}{before} -> {folder / OVERLAY}"
    )
