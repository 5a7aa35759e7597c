"""The distribution of a map's probabilities, as numbers and as the parts of a drawing."""

from __future__ import annotations

from typing import Any

import numpy as np

from wsi_idc.heatmap.probability_map import ProbabilityMap

BINS = 20

# Bars lie within this part of the drawing, which is 720 by 270.
_LEFT, _WIDTH, _BASE, _HEIGHT = 80, 620, 205, 160
_ABOVE, _BELOW = "#14587a", "#b4c6d1"
_LEAST_HEIGHT = 2.0  # a single hot cell on a whole section must not vanish


def area_by_probability(
    probability: ProbabilityMap, threshold: float
) -> tuple[list[float], list[float]]:
    """Assessed area in mm² in each of 20 equal bins of probability, 1 lying in the last.

    Returns
    -------
    The area below the threshold and the area at or above it, a value per bin each.
    """
    values = probability.values[probability.assessed]
    positive = values >= threshold
    cell_mm2 = probability.placement.pixel_area_mm2
    below, above = (
        np.histogram(some, bins=BINS, range=(0.0, 1.0))[0] * cell_mm2
        for some in (values[~positive], values[positive])
    )
    return below.tolist(), above.tolist()


def histogram_drawing(probability: ProbabilityMap, threshold: float) -> dict[str, Any]:
    """Positions and texts of the histogram's bars, axis and threshold."""
    below, above = area_by_probability(probability, threshold)
    most = max((a + b for a, b in zip(below, above, strict=True)), default=0.0)
    bars = []
    step = _WIDTH / BINS
    for index, parts in enumerate(zip(above, below, strict=True)):
        base = float(_BASE)
        for area, fill, where in zip(
            parts, (_ABOVE, _BELOW), ("at or above", "below"), strict=True
        ):
            if not area:
                continue
            height = max(_LEAST_HEIGHT, _HEIGHT * area / most)
            base -= height
            title = f"{index / BINS:g} to {(index + 1) / BINS:g}, {where} the threshold: "
            bars.append(
                {
                    "x": f"{_LEFT + index * step + 1:g}",
                    "y": f"{base:.1f}",
                    "width": f"{step - 2:g}",
                    "height": f"{height:.1f}",
                    "fill": fill,
                    "title": f"{title}{area:,.2f} mm²",
                }
            )
    mark = _LEFT + threshold * _WIDTH
    return {
        "bars": bars,
        "left": _LEFT,
        "right": _LEFT + _WIDTH,
        "base": _BASE,
        "top": _BASE - _HEIGHT,
        "most": f"{most:,.3g}" if most < 1000 else f"{most:,.0f}",
        "ticks": [
            {"x": f"{_LEFT + tick * _WIDTH:g}", "label": f"{tick:g}"}
            for tick in (0, 0.25, 0.5, 0.75, 1)
        ],
        "mark": f"{mark:.1f}",
        "mark_text": f"{min(max(mark, _LEFT + 110), 610):.1f}",
        "description": (
            f"Histogram of assessed area by probability: {sum(below):,.2f} mm² below the threshold "
            f"of {threshold:.3g}, {sum(above):,.2f} mm² at or above it."
        ),
    }
