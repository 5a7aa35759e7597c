"""Pixels of patches: padded, cached, and the same from every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from patch_folder import make_collection
from PIL import Image

from wsi_idc.errors import PatchCollectionError
from wsi_idc.patches import BACKGROUND, find_patches, read_pixels
from wsi_idc.patches.stores import ImageFiles


def rows_of(*files: Path) -> pd.DataFrame:
    store = ImageFiles(files)
    return pd.DataFrame({"store": [store] * len(files), "at": range(len(files))})


def test_small_edge_patches_are_padded_and_counted_never_stretched(tmp_path: Path) -> None:
    whole, narrow = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (50, 50), (10, 20, 30)).save(whole)
    Image.new("RGB", (7, 50), (10, 20, 30)).save(narrow)
    pixels, padded = read_pixels(rows_of(whole, narrow), 50)
    assert padded == 1
    assert (pixels[0] == (10, 20, 30)).all()
    assert (pixels[1, :, :7] == (10, 20, 30)).all()
    assert (pixels[1, :, 7:] == BACKGROUND).all()


def test_a_cache_file_holds_the_same_pixels(tmp_path: Path) -> None:
    rows = find_patches(make_collection(tmp_path / "c", patients=1)).table
    cached, _ = read_pixels(rows, 50, tmp_path / "pixels.npy")
    assert isinstance(cached, np.memmap)
    assert np.array_equal(cached, read_pixels(rows, 50)[0])


def test_a_larger_patch_and_a_broken_file_are_named(tmp_path: Path) -> None:
    large, broken = tmp_path / "large.png", tmp_path / "broken.png"
    Image.new("RGB", (51, 50)).save(large)
    broken.write_bytes(b"\x89PNG but no more")
    with pytest.raises(PatchCollectionError, match=r"large.png is 51x50 px"):
        read_pixels(rows_of(large), 50)
    with pytest.raises(PatchCollectionError, match=r"broken.png cannot be read"):
        read_pixels(rows_of(broken), 50)
