"""Names of slides without their endings."""

from __future__ import annotations

import pytest

from wsi_idc.slides.suffixes import without_slide_suffix


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.svs", "a"),
        ("a.b.TIFF", "a.b"),
        ("TCGA-X.B34C", "TCGA-X.B34C"),
        ("TCGA-X.B34C.svs", "TCGA-X.B34C"),
        ("tiff", "tiff"),
        (".svs", ".svs"),
    ],
)
def test_only_known_endings_are_stripped(file: str, name: str) -> None:
    assert without_slide_suffix(file) == name
