"""Patch collections made by code: two classes that differ in texture, several patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image


def make_patch(label: int, rng: np.random.Generator, size: int = 50) -> np.ndarray:
    """A patch of dark dots (label 1) or of smooth pink (label 0), equal in mean colour."""
    patch = np.full((size, size, 3), (215, 160, 200), np.float64)
    patch += rng.normal(0, 4, patch.shape)
    if label:
        dots = rng.random((size, size)) < 0.15
        patch[dots] -= 90
        patch[~dots] += 90 * dots.mean() / (1 - dots.mean())
    return np.clip(patch, 0, 255).astype(np.uint8)


def make_collection(folder: Path, patients: int = 4, of_each_class: int = 8, seed: int = 0) -> Path:
    """Write a collection in the public layout and return its folder."""
    rng = np.random.default_rng(seed)
    for patient in range(10, 10 + patients):
        for label in (0, 1):
            place = folder / str(patient) / str(label)
            place.mkdir(parents=True)
            for index in range(of_each_class):
                name = f"{patient}_idx5_x{50 * index + 1}_y{50 * label + 1}_class{label}.png"
                Image.fromarray(make_patch(label, rng)).save(place / name)
    return folder


def patch_table(patients: int, labels: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    """Of so many patients, p00 and on, a patch of each label."""
    rows = [(f"p{index:02}", label) for index in range(patients) for label in labels]
    return pd.DataFrame(rows, columns=["patient", "label"])
