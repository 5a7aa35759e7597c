"""Slides that cannot be made are refused with what can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from told_messages import check_told

from wsi_idc.phantom import PhantomSpec, make_phantom, write_slide_from_array
from wsi_idc.phantom.slide_writer import write_slide

PIXELS = np.zeros((64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("vendor must be aperio or generic, not …", {"vendor": "zeiss"}),
        ("µm/px must be positive, not … and …", {"mpp": 0.0}),
        ("tile size must be a multiple of 16 pixels, not …", {"tile": 50}),
        ("downsamples must start with 1, not …", {"downsamples": (2, 4)}),
        ("each downsample must be a multiple of the one before, not …", {"downsamples": (1, 2, 3)}),
        ("JPEG quality must be within 1 to 95, not …", {"quality": 100}),
        (
            "a generic TIFF cannot state an objective power; use vendor aperio",
            {"vendor": "generic", "objective_power": 40.0},
        ),
        (
            "an Aperio slide has one µm/px, not … and …; use vendor generic for two",
            {"mpp": (0.25, 0.26)},
        ),
        (
            "a slide of … x … px has no level reduced by …; leave the coarsest downsamples out",
            {"downsamples": (1, 128)},
        ),
    ],
)
def test_settings(message: str, options: dict[str, object], tmp_path: Path) -> None:
    wanted = {"mpp": 0.5, "downsamples": (1,)} | options
    check_told(
        message,
        lambda: write_slide_from_array(tmp_path / "a.tif", PIXELS, **wanted),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("message", "act"),
    [
        (
            "rows(…, …) gave … …, expected uint8 …",
            lambda folder: write_slide(
                folder / "a.tif", lambda y0, y1: PIXELS[:1], 64, 64, mpp=0.5, downsamples=(1,)
            ),
        ),
        (
            "phantom …: … x … mm is too small; make both sides at least … mm",
            lambda folder: make_phantom(PhantomSpec("a", width_mm=0.1, height_mm=1.0), folder),
        ),
        (
            "phantom …: … µm/px cannot be drawn; choose from 0.1 to 4",
            lambda folder: make_phantom(
                PhantomSpec("a", width_mm=2.0, height_mm=2.0, mpp=9.0), folder
            ),
        ),
    ],
)
def test_content(message: str, act: Callable[[Path], object], tmp_path: Path) -> None:
    check_told(message, lambda: act(tmp_path))
