"""Cell nuclei of a made section: where they lie, and the small pictures they are drawn with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float64]

DIRECTIONS = 12
VARIANTS = 4


class Kind(IntEnum):
    """The kinds of nuclei told apart in breast sections."""

    SPINDLE = 0
    EPITHELIAL = 1
    LYMPHOCYTE = 2
    TUMOUR = 3


@dataclass(frozen=True)
class _Look:
    length_um: float
    breadth_um: float
    density: float
    irregularity: float


# Sizes as in histology atlases: a lymphocyte's nucleus is about a red cell (7 µm), tumour
# nuclei are one and a half to two times as large as those of resting epithelium.
_LOOKS = {
    Kind.SPINDLE: _Look(15.0, 3.6, 1.05, 0.05),
    Kind.EPITHELIAL: _Look(8.6, 6.6, 1.15, 0.06),
    Kind.LYMPHOCYTE: _Look(6.8, 6.4, 1.55, 0.04),
    Kind.TUMOUR: _Look(12.5, 9.5, 1.0, 0.20),
}
MAX_LENGTH_UM = 22.0


@dataclass(frozen=True)
class Nuclei:
    """Many nuclei.

    Attributes
    ----------
    x, y : float64 [N], centres in microns.
    kind : uint8 [N], a `Kind`.
    direction : uint8 [N], 0 to DIRECTIONS - 1, of the long axis.
    variant : uint8 [N], 0 to VARIANTS - 1.
    """

    x: FloatArray
    y: FloatArray
    kind: NDArray[np.uint8]
    direction: NDArray[np.uint8]
    variant: NDArray[np.uint8]


def make_nuclei(
    rng: np.random.Generator, x: FloatArray, y: FloatArray, kind: Kind, angle: FloatArray | None
) -> Nuclei:
    """Nuclei of one kind at (x, y) µm; `angle` in radians of their long axes, or any."""
    count = len(x)
    if angle is None:
        direction = rng.integers(0, DIRECTIONS, count)
    else:
        direction = np.rint(np.asarray(angle) / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    return Nuclei(
        np.asarray(x, np.float64),
        np.asarray(y, np.float64),
        np.full(count, kind, np.uint8),
        direction.astype(np.uint8),
        rng.integers(0, VARIANTS, count).astype(np.uint8),
    )


def join_nuclei(parts: list[Nuclei]) -> Nuclei:
    """All of `parts` as one."""
    return Nuclei(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.direction for part in parts]),
        np.concatenate([part.variant for part in parts]),
    )


def nucleus_stamps(mpp: float) -> list[NDArray[np.float32]]:
    """Optical densities of haematoxylin of every kind, direction and variant of nucleus.

    Returns
    -------
    list of float32 squares with an odd side, at `mpp` µm/px; that of (kind, direction,
    variant) at ``(kind * DIRECTIONS + direction) * VARIANTS + variant``. The stamps are the
    same for every section.
    """
    rng = np.random.default_rng(20)
    stamps = []
    for kind in Kind:
        looks = [_variant(rng) for _ in range(VARIANTS)]
        for direction in range(DIRECTIONS):
            for size, wave, grain in looks:
                angle = direction * np.pi / DIRECTIONS
                stamps.append(_stamp(_LOOKS[kind], angle, size, wave, grain, mpp))
    return stamps


def _variant(rng: np.random.Generator) -> tuple[float, FloatArray, FloatArray]:
    return rng.uniform(0.85, 1.15), rng.uniform(0, 2 * np.pi, 3), rng.standard_normal((48, 48))


def _stamp(
    look: _Look, angle: float, size: float, wave: FloatArray, grain: FloatArray, mpp: float
) -> NDArray[np.float32]:
    spread = size if look.irregularity < 0.1 else 1 + 2 * (size - 1)
    reach = int(np.ceil(0.65 * look.length_um * spread / mpp)) + 1
    v, u = np.mgrid[-reach : reach + 1, -reach : reach + 1] * mpp
    along = (u * np.cos(angle) + v * np.sin(angle)) / (0.5 * look.length_um * spread)
    across = (v * np.cos(angle) - u * np.sin(angle)) / (0.5 * look.breadth_um * spread)
    turn = np.arctan2(across, along)
    edge = 1 + look.irregularity * sum(
        np.sin((k + 2) * turn + phase) / (k + 1) for k, phase in enumerate(wave)
    )
    inside_um = (edge - np.hypot(along, across)) * 0.5 * look.breadth_um
    cover = np.clip(inside_um / max(1.0, mpp) + 0.5, 0, 1)
    # Chromatin: clumps of about a micron, coarser and with a pale ground in tumour nuclei.
    clump_um = 1.6 if look.irregularity > 0.1 else 1.0
    rows = np.clip((v / clump_um + 24), 0, 47)
    columns = np.clip((u / clump_um + 24), 0, 47)
    chromatin = ndimage.map_coordinates(grain, [rows, columns], order=1)
    density = look.density * (1 + (0.22 if look.irregularity > 0.1 else 0.12) * chromatin)
    return np.asarray(cover * np.maximum(density, 0.3), np.float32)
