"""How strongly tissue is stained, and whether a slide's stain is like the training data's.

A network scores whatever it is given. Where a slide's stain lies far outside that of all
training patients, its scores are not to be trusted, and the result says so.

References
----------
Ruifrok and Johnston, Quantification of histochemical staining by color deconvolution, 2001
(the stain vectors).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wsi_idc.model.card import StainRange

STAINS = ("haematoxylin", "eosin", "residual")

STAIN_VECTORS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Rows: the stains' optical density in R, G, B, of unit length."""
STAIN_VECTORS /= np.linalg.norm(STAIN_VECTORS, axis=1, keepdims=True)

FAR_OUTSIDE = 3.5
"""Distance beyond which a slide is warned about; of normally spread patients 99.3 % lie within."""

# Mean optical density from which on a pixel is tissue rather than glass or fat.
_LEAST_DENSITY = 0.1
# Neighbouring pixels are alike; every second one in each direction tells as much.
_EVERY = 2
_DENSITY = -np.log((np.arange(256) + 1.0) / 256.0)


class StainMeter:
    """Adds up the stain of a slide's or a patient's patches, batch by batch."""

    def __init__(self) -> None:
        self._density = np.zeros(3)
        self._pixels = 0

    def add(self, patches: NDArray[np.uint8]) -> None:
        """Count in uint8 RGB patches [N, P, P, 3]."""
        density = _DENSITY[patches[:, ::_EVERY, ::_EVERY]].reshape(-1, 3)
        tissue = density[density.mean(axis=1) >= _LEAST_DENSITY]
        self._density += tissue.sum(axis=0)
        self._pixels += len(tissue)

    @property
    def amounts(self) -> NDArray[np.float64] | None:
        """Mean density of each of `STAINS` over the tissue seen; None where there was none."""
        if not self._pixels:
            return None
        mean: NDArray[np.float64] = self._density / self._pixels @ np.linalg.inv(STAIN_VECTORS)
        return mean


def stain_range(
    pixels: NDArray[np.uint8], patient: NDArray[np.object_], fewest: int = 10
) -> StainRange | None:
    """The stain of patches [N, P, P, 3] over their patients; None for too few patients."""
    amounts = [amount for _, amount in stain_by_patient(pixels, patient) if amount is not None]
    if len(amounts) < fewest:
        return None
    return StainRange.model_validate(
        {
            "stains": STAINS,
            "mean": np.mean(amounts, axis=0).round(7).tolist(),
            "covariance": np.cov(np.transpose(amounts)).round(7).tolist(),
        }
    )


def stain_by_patient(
    pixels: NDArray[np.uint8], patient: NDArray[np.object_]
) -> Iterator[tuple[str, NDArray[np.float64] | None]]:
    """Each patient's name and mean stain amounts, None where no tissue is."""
    for name in sorted(set(patient)):
        meter = StainMeter()
        meter.add(pixels[patient == name])
        yield str(name), meter.amounts


def stain_distance(amounts: NDArray[np.float64], known: StainRange) -> float:
    """How far a stain lies from the training patients' mean, in their spread (Mahalanobis).

    Stains vary together from laboratory to laboratory: two may each be common and their
    combination not.
    """
    off = amounts - np.array(known.mean)
    # A spread that is numerically none would call everything far.
    covariance = np.array(known.covariance) + 1e-6 * np.eye(len(STAINS))
    return float(np.sqrt(off @ np.linalg.solve(covariance, off)))


def stain_warning(amounts: NDArray[np.float64] | None, known: StainRange | None) -> str | None:
    """A sentence on stain far outside the training data's, or None where it is not."""
    if amounts is None or known is None:
        return None
    distance = stain_distance(amounts, known)
    if distance <= FAR_OUTSIDE:
        return None
    return (
        f"the stain is unlike the training data's (distance {distance:.1f}, training patients "
        f"lie within {FAR_OUTSIDE:g}); the scores are not to be trusted"
    )
