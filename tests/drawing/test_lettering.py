"""Letters that the usual font lacks: taken from another font, or left out and said."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image

from wsi_idc.drawing.lettering import BOLD, GAP, REGULAR, letter_runs, machine_fonts
from wsi_idc.drawing.pen import Pen

STIX = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"
# A letter that STIX has and DejaVu has not, and one that neither has.
OTHER = chr(
    min(FT2Font(str(STIX)).get_charmap().keys() - FT2Font(str(REGULAR)).get_charmap().keys())
)
NOWHERE = "乳"


def test_a_name_that_the_usual_font_has_needs_no_other():
    for name in ("CASE-4711 B3", "Größe µm ≥ 0.5", "Präparat Жёлтый αβγ"):
        assert letter_runs(name, REGULAR, ()) == [(REGULAR, name)]
        assert letter_runs(name, BOLD) == [(BOLD, name)]


def test_other_letters_come_from_a_font_that_has_them():
    name = f"A{OTHER}{OTHER}-B3"
    assert letter_runs(name, REGULAR, (STIX,)) == [
        (REGULAR, "A"),
        (STIX, OTHER * 2),
        (REGULAR, "-B3"),
    ]


def test_letters_that_no_font_has_are_one_gap():
    name = f"A{NOWHERE}{NOWHERE}_{OTHER}{NOWHERE}"
    assert letter_runs(name, REGULAR, ()) == [
        (REGULAR, "A"),
        (REGULAR, GAP),
        (REGULAR, "_"),
        (REGULAR, GAP),
    ]
    assert letter_runs(name, REGULAR, (STIX,))[2:] == [
        (REGULAR, "_"),
        (STIX, OTHER),
        (REGULAR, GAP),
    ]


def test_files_that_are_no_fonts_are_passed_over(tmp_path: Path):
    broken = tmp_path / "regular.ttf"
    broken.write_bytes(b"no font")
    missing = tmp_path / "missing.ttf"
    assert letter_runs(OTHER, REGULAR, (broken, missing, STIX)) == [(STIX, OTHER)]


def test_fonts_of_the_machine_have_a_fixed_order_and_no_emoji():
    fonts = machine_fonts()
    assert fonts == machine_fonts()
    assert not [font for font in fonts if "emoji" in font.name.lower()]


def test_a_line_of_several_runs_is_as_wide_as_it_says_wherever_it_is_anchored():
    image = Image.new("RGB", (600, 80), "white")
    pen = Pen(image, 1.0)
    text = f"slide {NOWHERE} 7"
    width = pen.text_width(text, 30)
    for anchor, x in (("ls", 100), ("ms", 100 + width / 2), ("rs", 100 + width)):
        image.paste("white", (0, 0, 600, 80))
        pen.text(x, 50, text, 30, anchor=anchor)
        dark = np.flatnonzero((np.asarray(image) < 128).any(axis=(0, 2)))
        assert 100 <= dark[0] <= 104
        assert 96 + width <= dark[-1] <= 100 + width
