"""Slides opened one after the other leave nothing behind, well read or refused."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wsi_idc.errors import SlideReadError
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import open_slide
from wsi_idc.slides.isolation.process import POOL

READERS = ("direct", "openslide", "tiff", "image", "isolated")
# What is opened once, such as a child or a library's tables, comes with the first few.
WARM_UP = 50
MOST_BYTES_A_SLIDE = 12_000

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counted by /proc")
NUMBERS = pytest.mark.parametrize(
    "slides",
    [pytest.param(250, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.long)],
)


@dataclass(frozen=True)
class Held:
    """What this process has at a time; memory is that of its children, too."""

    files: int
    threads: int
    children: int
    memory: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        children: list[str] = []
        for task in os.listdir("/proc/self/task"):
            with suppress(FileNotFoundError):  # a thread that has ended meanwhile
                children += Path(f"/proc/self/task/{task}/children").read_text().split()
        pages = sum(
            int(Path(f"/proc/{process}/statm").read_text().split()[1])
            for process in ("self", *children)
        )
        files = len(os.listdir("/proc/self/fd"))
        return Held(
            files, threading.active_count(), len(children), pages * os.sysconf("SC_PAGE_SIZE")
        )


@pytest.fixture(autouse=True)
def _without_waiting_children() -> Iterator[None]:
    yield
    POOL.clear()


def write(folder: Path, reader: str) -> Path:
    pixels = np.random.default_rng(0).integers(100, 240, (160, 200, 3), dtype=np.uint8)
    if reader == "image":
        path = folder / "slide.png"
        Image.fromarray(pixels).save(path)
        return path
    path = folder / "slide.svs"
    vendor, compression = ("generic", "deflate") if reader == "tiff" else ("aperio", "jpeg")
    write_slide_from_array(
        path, pixels, mpp=1.0, downsamples=(1, 2), vendor=vendor, compression=compression
    )
    return path


def leaves_nothing(path: Path, reader: str, slides: int, use: Callable[..., None]) -> None:
    """Use as many files with the content of one: whatever is kept by a name is kept of each."""
    how: dict[str, Any] = {"reader": reader}
    if reader == "isolated":
        how = {"reader": "openslide", "isolated": True}
    for number in range(slides):
        name = path.with_name(f"{number}{path.suffix}")
        name.hardlink_to(path)
        use(name, slide_mpp=1.0, **how)
        if number == WARM_UP:
            before = Held.now()
    after = Held.now()
    assert after.files == before.files
    assert after.threads == before.threads
    assert after.children == before.children
    assert after.memory - before.memory < MOST_BYTES_A_SLIDE * (slides - WARM_UP)


@NUMBERS
@pytest.mark.parametrize("reader", READERS)
def test_slides_that_are_read(tmp_path: Path, reader: str, slides: int) -> None:
    def read(path: Path, **how: Any) -> None:
        with open_slide(path, **how) as slide:
            slide.read(10.5, 20.25, (64, 48), 1.5)
            slide.picture(max_side=50)

    leaves_nothing(write(tmp_path, reader), reader, slides, read)


@NUMBERS
@pytest.mark.parametrize("reader", READERS)
def test_slides_that_are_refused(tmp_path: Path, reader: str, slides: int) -> None:
    def refused(path: Path, **how: Any) -> None:
        with pytest.raises(SlideReadError), open_slide(path, **how) as slide:
            slide.read(10.5, 20.25, (64, 48), 1.5)

    path = write(tmp_path, reader)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    leaves_nothing(path, reader, slides, refused)
