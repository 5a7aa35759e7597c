"""Pictures that would take for ever: told without decoding them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsi_idc.slides.pictures import (
    MOST_SCANS,
    PictureError,
    has_too_many_scans,
    opened_picture,
)

SCAN = b"\xff\xda"
# A frame and a scan of one component each, as a comment may hold them.
FALSE_START = b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x00\x00\x00" + SCAN + b"\x00\x08\x01"


def jpeg(*, progressive: bool) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", progressive=progressive)
    return stream.getvalue()


def test_a_stream_of_one_scan_is_decoded_no_further() -> None:
    stream = jpeg(progressive=False)
    assert not has_too_many_scans(stream)
    more = stream + SCAN * (MOST_SCANS + 1)
    assert not has_too_many_scans(more)
    with Image.open(io.BytesIO(more)) as image:
        image.load()


@pytest.mark.parametrize(
    "start",
    [b"", b"\xff\xfe\x00\x20" + FALSE_START.ljust(30), b"\xff" * 3 + b"\xfe\x00\x02"],
    ids=["as it is", "false start in a comment", "padded"],
)
def test_scans_of_a_progressive_stream_are_counted(start: bytes) -> None:
    stream = jpeg(progressive=True)
    stream = stream[:2] + start + stream[2:]
    assert not has_too_many_scans(stream)
    assert has_too_many_scans(stream + SCAN * MOST_SCANS)


def test_a_scan_of_nothing_is_not_the_only_one() -> None:
    stream = jpeg(progressive=True)
    place = stream.index(SCAN) + 4
    stream = stream[:place] + b"\x00" + stream[place + 1 :]
    assert has_too_many_scans(stream + SCAN * MOST_SCANS)


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_what_is_cut_short_is_counted(length: int) -> None:
    assert not has_too_many_scans(jpeg(progressive=False)[:length])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "thumbnail.png"
    os.mkfifo(pipe)
    with pytest.raises(PictureError, match="it is a pipe"), opened_picture(pipe, 100):
        pass
