"""Slides of one process share a model: one is scored while the next is read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import small_cohorts
from numpy.typing import NDArray

from wsi_idc.cohort.task import JobUnusableError
from wsi_idc.errors import ModelFolderError, SlideReadError
from wsi_idc.slides import Slide, SlideSource


@dataclass(frozen=True)
class WatchedSource(SlideSource):
    """Tells when the slide is opened first."""

    opened: threading.Event | None = None

    def open(self) -> Slide:
        assert self.opened is not None
        self.opened.set()
        return super().open()


class WaitingScorer(small_cohorts.MeanScorer):
    """Scores nothing before a given event, and notes which threads asked it."""

    def __init__(self, event: threading.Event) -> None:
        super().__init__(small_cohorts.card())
        self.event = event
        self.asked_by: list[int] = []

    def predict_classes(
        self, patches: NDArray[np.uint8], *, tta: bool = False
    ) -> NDArray[np.float32]:
        assert self.event.wait(30), "the next slide was not opened while this one was scored"
        self.asked_by.append(threading.get_ident())
        return super().predict_classes(patches, tta=tta)


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("slides")
    return [small_cohorts.write_section(folder / f"s{n}.tif", n) for n in range(3)]


def test_the_next_slide_is_read_while_one_is_scored(slides: list[Path], tmp_path: Path) -> None:
    opened = [threading.Event() for _ in slides]
    tasks = [
        replace(task, source=WatchedSource(task.source.path, opened=event))
        for task, event in zip(small_cohorts.tasks_of(slides[0].parent), opened, strict=True)
    ]
    scorer = WaitingScorer(opened[1])
    loads = []

    def load() -> WaitingScorer:
        loads.append(scorer)
        return scorer

    job = replace(small_cohorts.mapping(tmp_path), load=load)
    step = job.step()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda task: step(task, lambda *_: None), tasks))
    assert [one.patches for one in done] == [95, 95, 95]
    assert len(loads) == 1
    # Slide after slide: six batches each, none of another between them.
    turns = [thread for n, thread in enumerate(scorer.asked_by) if n % 6 == 0]
    assert scorer.asked_by == [thread for thread in turns for _ in range(6)]


def test_a_slide_that_fails_while_it_is_scored_gives_the_model_back(
    slides: list[Path], tmp_path: Path
) -> None:
    tasks = small_cohorts.tasks_of(slides[0].parent)
    job = small_cohorts.mapping(tmp_path)
    step = job.step()

    def fails(done: int, total: int) -> None:
        if done:
            raise SlideReadError("cut off")

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(SlideReadError):
            pool.submit(step, tasks[0], fails).result()
        other = ThreadPoolExecutor(1)
        assert other.submit(step, tasks[1], lambda *_: None).result(timeout=60).patches == 95
        other.shutdown()


@pytest.mark.parametrize("error", [ModelFolderError, TimeoutError])  # of a network's file, say
def test_a_model_that_cannot_be_loaded_is_no_slides_fault(
    error: type[Exception], slides: list[Path], tmp_path: Path
) -> None:
    def load() -> small_cohorts.MeanScorer:
        raise error("damaged")

    step = replace(small_cohorts.mapping(tmp_path), load=load).step()
    for task in small_cohorts.tasks_of(slides[0].parent)[:2]:
        with pytest.raises(JobUnusableError, match="damaged") as raised:
            step(task, lambda *_: None)
        assert isinstance(raised.value.__cause__, error)
