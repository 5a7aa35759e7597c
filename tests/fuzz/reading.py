"""What the program does with a slide, in little."""

from __future__ import annotations

from pathlib import Path

from wsi_idc.slides import info_json, open_slide

_SIDE_PX = 64


def read_everything(
    path: Path, *, reader: str = "auto", slide_mpp: float | None = None, isolated: bool = False
) -> None:
    """Open a slide; look at all of it, at corners of each level, and at a patch; in sRGB, too."""
    with open_slide(path, reader=reader, slide_mpp=slide_mpp, isolated=isolated) as slide:
        info_json(slide.info)
        slide.picture(max_side=256)
        for level in slide.info.levels:
            for x, y in ((0, 0), (level.width - _SIDE_PX, level.height - _SIDE_PX)):
                slide.read_level(level.index, x, y, _SIDE_PX, _SIDE_PX)
        middle = slide.info.width / 2.5, slide.info.height / 2.5
        slide.read(*middle, (50, 50), 8.0)
        slide.convert_to_srgb()
        slide.read(*middle, (20, 20), 3.3)
