"""Reading in child processes: the same pixels, and a child that fails costs one read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from slide_factory import position_slide

from wsi_idc.errors import MissingMppError, SlideReadError
from wsi_idc.slides import SlideSource, open_slide
from wsi_idc.slides.isolation import IsolatedSlide, process
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import plan_patches

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture(scope="module")
def slide_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("isolation")
    return position_slide(folder, 3000, 2000, 0.25, (1, 4), compression="jpeg")[0]


@pytest.fixture
def isolated(slide_path: Path) -> Iterator[IsolatedSlide]:
    with open_slide(slide_path, isolated=True) as slide:
        assert isinstance(slide, IsolatedSlide)
        yield slide


def child_of(slide: IsolatedSlide) -> int:
    assert slide._process is not None
    return slide._process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for whoever adopted it, and runs no more.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.05)


def test_an_isolated_slide_is_like_any_other(slide_path: Path, isolated: IsolatedSlide) -> None:
    with open_slide(slide_path) as plain:
        assert isolated.info == plain.info
        for x, y, size, mpp in [
            (0.0, 0.0, (700, 500), 1.0),
            (123.4, 567.8, (300, 200), 0.37),
            (-50.5, 1900.0, (100, 100), 0.5),
            (0.0, 0.0, (90, 60), 8.0),
        ]:
            np.testing.assert_array_equal(
                isolated.read(x, y, size, mpp), plain.read(x, y, size, mpp)
            )
        # Two reads do not share the memory that the first came in.
        first = isolated.read_level(0, 0, 0, 64, 64)
        kept = first.copy()
        isolated.read_level(0, 2000, 1000, 64, 64)
        np.testing.assert_array_equal(first, kept)


def test_regions_larger_than_the_shared_memory(
    isolated: IsolatedSlide, slide_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsi_idc.slides.isolation.slide.LARGEST_PIXELS", 50_000)
    with open_slide(slide_path) as plain:
        expected = plain.read_level(0, 7, 5, 900, 301)
    np.testing.assert_array_equal(isolated.read_level(0, 7, 5, 900, 301), expected)


def test_patches_are_the_same_from_several_children(slide_path: Path) -> None:
    with open_slide(slide_path) as slide:
        plan = plan_patches(slide.info, None, mpp=0.5, patch_size=50, stride=50, min_tissue=0)

    def patches(source: SlideSource) -> np.ndarray:
        result = np.zeros((len(plan), 50, 50, 3), np.uint8)
        for block in read_patches(source, plan, threads=2, block_px=500):
            result[block.indices] = block.patches
        return result

    np.testing.assert_array_equal(
        patches(SlideSource(slide_path, isolated=True)), patches(SlideSource(slide_path))
    )


def test_errors_in_the_child_are_those_of_the_reader(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 300, 300, None, (1,))
    with pytest.raises(MissingMppError, match=r"position\.svs.*--slide-mpp"):
        open_slide(path, isolated=True)
    text = tmp_path / "text.svs"
    text.write_text("not a slide\n" * 100)
    with pytest.raises(SlideReadError, match=r"text\.svs.*damaged"):
        open_slide(text, isolated=True)


def test_a_damaged_tile_is_one_clear_error(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 1000, 800, 0.25, (1, 4), compression="jpeg")
    damage_last_tile(path)
    with open_slide(path, isolated=True) as slide:
        with pytest.raises(SlideReadError, match=r"cannot read level 0 at 800, 790 \(10x10 px\)"):
            slide.read_level(0, 800, 790, 10, 10)
        assert slide.read_level(0, 0, 0, 10, 10).shape == (10, 10, 3)


def damage_last_tile(path: Path) -> None:
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[-1], tiff.pages[0].databytecounts[-1]
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = bytes(count)
    path.write_bytes(content)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_reader_that_crashes_costs_one_read(isolated: IsolatedSlide, number: int) -> None:
    expected = isolated.read_level(0, 100, 200, 50, 40)
    os.kill(child_of(isolated), number)
    name = signal.Signals(number).name
    with pytest.raises(
        SlideReadError,
        match=rf"position\.svs: cannot read level 0 at 100, 200 \(50x40 px\).*crashed \({name}\)",
    ) as caught:
        isolated.read_level(0, 100, 200, 50, 40)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(isolated.read_level(0, 100, 200, 50, 40), expected)


def test_a_reader_that_hangs_is_ended(slide_path: Path) -> None:
    with open_slide(slide_path, isolated=True) as slide:
        assert isinstance(slide, IsolatedSlide)
        slide._timeout_s = 0.3
        pid = child_of(slide)
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(SlideReadError, match=r"level 1 at 8, 9 .*did not answer within 0\.3 s"):
            slide.read_level(1, 8, 9, 20, 20)
        assert time.monotonic() - began < 5
        assert not is_running(pid)


def test_a_child_is_used_for_slide_after_slide(slide_path: Path) -> None:
    with open_slide(slide_path, isolated=True) as slide:
        first = child_of(slide)
    with open_slide(slide_path, reader="openslide", isolated=True) as slide:
        assert child_of(slide) == first
        assert slide.info.reader == "openslide"
        with open_slide(slide_path, isolated=True) as other:
            assert child_of(other) != first
    process.POOL.clear()
    assert not is_running(first)


SCRIPT = """
    import signal, sys
    from wsi_idc.slides import open_slide
    # A run that was started in the background ignores Ctrl-C, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    slides = [open_slide(sys.argv[1], isolated=True) for _ in range(2)]
    slides[0].close()  # its child waits for another slide
    print(*(s.pid for s in [slides[1]._process]), flush=True)
    from wsi_idc.slides.isolation.process import POOL
    print(*(p.pid for p in POOL._idle), flush=True)
    while True:
        slides[1].read_level(0, 0, 0, 2000, 2000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_children_end_with_their_parent_whatever_ends_it(slide_path: Path, number: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(slide_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # as in a terminal: Ctrl-C reaches the children as well
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(is_running(pid) for pid in children)
        assert not any("wsi-idc" in name for name in os.listdir("/dev/shm"))
        try:
            if number == signal.SIGINT:
                os.killpg(parent.pid, number)
            else:
                parent.kill()
            wait_for_end([*children, parent.pid])
        finally:
            parent.kill()


def test_children_are_light(isolated: IsolatedSlide) -> None:
    maps = Path(f"/proc/{child_of(isolated)}/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    libraries = maps.read_text()
    assert "/numpy/" in libraries
    for heavy in ("/tensorflow/", "/pandas/", "/scipy/", "/matplotlib/"):
        assert heavy not in libraries, heavy


def test_fastslide_is_always_isolated_and_a_damaged_tile_ends_in_bounded_time(
    tmp_path: Path,
) -> None:
    pytest.importorskip("fastslide")
    path, _ = position_slide(tmp_path, 1000, 800, 0.25, (1, 4), compression="jpeg")
    damage_last_tile(path)
    with open_slide(path, reader="fastslide", timeout_s=2) as slide:
        assert isinstance(slide, IsolatedSlide)
        assert slide.info.reader == "fastslide"
        slide.read_level(0, 0, 0, 10, 10)  # the start of the child is not counted
        began = time.monotonic()
        with pytest.raises(SlideReadError, match=r"position\.svs: cannot read level 0 at 800, 780"):
            slide.read_level(0, 800, 780, 10, 10)
        assert time.monotonic() - began < 10


def test_threads_in_turn_get_their_own_child(slide_path: Path) -> None:
    """A child that was started by a thread outlives it: nothing ties the two together."""
    slides: list[IsolatedSlide] = []

    def opened() -> None:
        slide = open_slide(slide_path, isolated=True)
        assert isinstance(slide, IsolatedSlide)
        slides.append(slide)

    thread = threading.Thread(target=opened)
    thread.start()
    thread.join()
    time.sleep(0.1)
    with slides[0] as slide:
        assert slide.read_level(0, 0, 0, 10, 10).shape == (10, 10, 3)
