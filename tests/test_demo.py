"""The demo as a newcomer runs it: all of it, on the defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from wsi_idc.demo import HELD_OUT, MODEL, TRAINING, VALIDATION, run_demo
from wsi_idc.errors import OutputError


@pytest.mark.slow
def test_the_demo_finds_the_carcinoma_of_a_section_it_has_not_seen(tmp_path: Path) -> None:
    result = run_demo(tmp_path)
    # Always calling IDC gives a Dice of about 0.4; mean colour an AUC of about 0.65. Measured:
    # 0.90 and 0.99; how far an epoch gets differs with the order in which threads add floats up.
    assert result.cells.dice > 0.75
    assert result.cells.auc > 0.95
    for picture in result.pictures:
        with Image.open(picture) as image:
            image.verify()
    card = json.loads((tmp_path / MODEL / "model.json").read_text())
    assert card["training_data"]["patients"] == {"train": 2, "val": 1}
    assert HELD_OUT.name not in (tmp_path / MODEL / "split.csv").read_text()
    assert len({spec.seed for spec in (*TRAINING, VALIDATION, HELD_OUT)}) == 4
    assert HELD_OUT.width_mm >= 12
    assert HELD_OUT.height_mm >= 9


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "slides").mkdir()
    with pytest.raises(OutputError, match="not empty and holds no demo"):
        run_demo(tmp_path)
