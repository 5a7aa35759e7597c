from __future__ import annotations

import numpy as np
import pytest

from wsi_idc.model.stain import (
    STAIN_VECTORS,
    StainMeter,
    stain_distance,
    stain_range,
    stain_warning,
)


def dyed(*amounts: float) -> np.ndarray:
    """Patches of one colour: the light that stains of these amounts let through."""
    light = 256 * np.exp(-np.array(amounts) @ STAIN_VECTORS) - 1
    return np.tile(light.round().astype(np.uint8), (2, 8, 8, 1))


def test_amounts_of_stain_are_found_again() -> None:
    meter = StainMeter()
    meter.add(dyed(0.4, 0.3, 0.1))
    assert meter.amounts == pytest.approx([0.4, 0.3, 0.1], abs=0.02)


def test_glass_does_not_dilute_the_stain_and_has_none() -> None:
    meter = StainMeter()
    meter.add(np.full((3, 8, 8, 3), 243, np.uint8))
    assert meter.amounts is None
    assert stain_warning(meter.amounts, None) is None
    meter.add(dyed(0.4, 0.3, 0.1))
    assert meter.amounts == pytest.approx([0.4, 0.3, 0.1], abs=0.02)


@pytest.fixture(scope="module")
def laboratory() -> tuple[np.ndarray, np.ndarray]:
    """Forty patients whose haematoxylin and eosin rise and fall together."""
    rng = np.random.default_rng(0)
    strength = rng.normal(1, 0.2, 40)
    pixels = [
        dyed(0.5 * s, 0.4 * s + rng.normal(0, 0.01), 0.1 + rng.normal(0, 0.01)) for s in strength
    ]
    return np.concatenate(pixels), np.repeat([f"p{i}" for i in range(40)], 2).astype(object)


def test_usual_stain_passes_and_unusual_stain_is_said(
    laboratory: tuple[np.ndarray, np.ndarray],
) -> None:
    known = stain_range(*laboratory)
    assert known is not None
    usual = np.array([0.5, 0.4, 0.1])
    assert stain_distance(usual, known) < 1.5
    assert stain_warning(usual, known) is None
    # Each of the two is common by itself; a strong one beside a weak one is not.
    odd = np.array([0.65, 0.28, 0.1])
    warning = stain_warning(odd, known)
    assert warning is not None
    assert "not to be trusted" in warning


def test_few_patients_say_nothing_of_what_is_usual(
    laboratory: tuple[np.ndarray, np.ndarray],
) -> None:
    pixels, patient = laboratory
    assert stain_range(pixels[:8], patient[:8]) is None
    assert stain_warning(np.array([9.0, 9.0, 9.0]), None) is None
