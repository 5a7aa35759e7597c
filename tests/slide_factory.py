"""Slides whose pixels tell where they are, so that a test can measure a misplacement.

Red encodes x and blue encodes y: a cosine of known period, riding on a slow ramp across the
whole slide. Area averaging makes the cosine flatter but does not move it, so a patch at any
scale tells its position: the ramp says which period it lies in, the phase where in it, to a
few hundredths of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.phantom.slide_writer import write_slide

_WAVE = 60.0
_RAMP = 60.0
_MIDDLE = 127.5


@dataclass(frozen=True)
class PositionCode:
    """What is needed to read a position off a patch.

    `period_x` and `period_y` are in level-0 pixels; a patch must be about a period long, or
    longer. A period of some 32 target pixels decodes best; one shorter than 1/100 of the slide
    is mistaken for its neighbour, since the ramp tells no finer. An infinite period leaves its
    axis flat.
    """

    width: int
    height: int
    period_x: float
    period_y: float

    def rows(self, y0: int, y1: int) -> NDArray[np.uint8]:
        """Level-0 pixels of the rows from y0 to y1, uint8 [y1 - y0, width, 3]."""
        pixels = np.full((y1 - y0, self.width, 3), 128, np.uint8)
        pixels[..., 0] = _encode(np.arange(self.width), self.width, self.period_x)
        pixels[..., 2] = _encode(np.arange(y0, y1), self.height, self.period_y)[:, None]
        return pixels


def position_slide(
    folder: Path,
    width: int,
    height: int,
    mpp: float | tuple[float, float] | None,
    downsamples: Sequence[int] = (1, 4, 16),
    *,
    period: float | tuple[float, float] = 1024.0,
    name: str = "position",
    **writer_options: Any,
) -> tuple[Path, PositionCode]:
    """Write a position-encoding slide; returns its path and the code to decode with.

    Lossless unless `compression` says otherwise; the Aperio form, or the generic one where
    µm/px differ in x and y.
    """
    period_x, period_y = period if isinstance(period, tuple) else (period, period)
    code = PositionCode(width, height, period_x, period_y)
    vendor = "generic" if isinstance(mpp, tuple) else "aperio"
    path = folder / f"{name}{'.tif' if vendor == 'generic' else '.svs'}"
    options: dict[str, Any] = {"compression": "deflate", "vendor": vendor} | writer_options
    write_slide(path, code.rows, width, height, mpp=mpp, downsamples=downsamples, **options)
    return path, code


def decode_position(
    patch: NDArray[np.uint8], code: PositionCode, scale_x: float, scale_y: float
) -> tuple[float, float]:
    """Where a patch's top-left corner lies, in level-0 pixels.

    Parameters
    ----------
    patch : uint8 [height, width, 3], wholly inside the slide.
    code : the slide's code.
    scale_x, scale_y : level-0 pixels per patch pixel.

    Returns (x, y); NaN for an axis that is flat.
    """
    red = patch[..., 0].mean(axis=0)
    blue = patch[..., 2].mean(axis=1)
    return (
        _decode(red, scale_x, code.width, code.period_x),
        _decode(blue, scale_y, code.height, code.period_y),
    )


def _encode(position: NDArray[np.int64], extent: int, period: float) -> NDArray[np.uint8]:
    if np.isinf(period):
        return np.full(len(position), 128, np.uint8)
    centre = position + 0.5
    wave = _WAVE * np.cos(2 * np.pi * centre / period)
    ramp = _RAMP * (2 * centre / extent - 1)
    return np.rint(_MIDDLE + wave + ramp).astype(np.uint8)


def _decode(profile: NDArray[np.float64], scale: float, extent: int, period: float) -> float:
    if np.isinf(period):
        return float("nan")
    # Positions of the pixel centres, from the middle of the patch on.
    offset = (np.arange(len(profile)) + 0.5 - len(profile) / 2) * scale
    level = profile - _RAMP * 2 * offset / extent
    angle = 2 * np.pi * offset / period
    model = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    (mean, cosine, sine), *_ = np.linalg.lstsq(model, level, rcond=None)
    fine = np.arctan2(-sine, cosine) / (2 * np.pi) * period
    coarse = ((mean - _MIDDLE) / _RAMP + 1) / 2 * extent
    middle = fine + period * np.rint((coarse - fine) / period)
    return float(middle - len(profile) / 2 * scale)


def slides_by_target(
    folder: Path, slide_mpp: float, least_side: int, periods: float
) -> dict[float, tuple[Path, PositionCode]]:
    """Slides by the target µm/px that their code suits: periods of 32 target pixels.

    Each is at least `least_side` pixels and `periods` periods of its code a side.
    """
    slides = {}
    for mpp in (0.25, 0.5, 2.0, 8.0):
        period = 32 * mpp / slide_mpp
        side = int(max(least_side, periods * period))
        slides[mpp] = position_slide(
            folder, side + 61, side, slide_mpp, (1, 4, 16), period=period, name=f"to-{mpp}"
        )
    return slides
