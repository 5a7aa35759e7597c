"""Settings that mean nothing are refused when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from wsi_idc.errors import SettingsError
from wsi_idc.tiling.settings import TileSettings

NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("mpp", (0.0, 0.049, 100.1, -8.0, NAN, float("inf")), "--mpp must be within 0.05 to 100"),
        ("patch_size", (0, -50), "patch size and stride must be at least 1"),
        ("stride", (0, -1), "patch size and stride must be at least 1"),
        ("min_tissue", (-0.1, 1.1, NAN), "--min-tissue"),
        ("min_overlap", (0.0, -0.1, 1.1, NAN), "--min-overlap"),
    ],
)
def test_values_out_of_range_are_refused(name: str, values: tuple[Any, ...], told: str) -> None:
    for value in values:
        with pytest.raises(SettingsError, match=told):
            TileSettings(**{name: value})


def test_the_ends_of_the_ranges_are_allowed() -> None:
    TileSettings(mpp=0.05, patch_size=1, stride=1, min_tissue=0, min_overlap=1)
    TileSettings(mpp=100, min_tissue=1, min_overlap=0.001)
