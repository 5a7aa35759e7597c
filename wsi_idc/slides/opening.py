"""Opening a slide: which reader for which file, and a recipe that travels between threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wsi_idc.errors import SettingsError, SlideNotFoundError, SlideReadError, reason
from wsi_idc.privacy import Pseudonyms
from wsi_idc.slides import (
    direct_reader,
    fastslide_reader,
    image_reader,
    openslide_reader,
    tiff_reader,
)
from wsi_idc.slides.base import Slide, UnfitReaderError
from wsi_idc.slides.isolation import READ_TIMEOUT_S, IsolatedSlide
from wsi_idc.slides.suffixes import SLIDE_SUFFIXES

SlideMpp = float | tuple[float, float] | None


@dataclass(frozen=True)
class Reader:
    """One way to read slides.

    Attributes
    ----------
    open : the class that opens a file; it may still find it unfit for it (`UnfitReaderError`).
    can_open : whether it knows a file's format; None where it is taken by name only.
    needs_child : whether its library may end or hang the process that meets a damaged file.
    """

    open: Callable[[Path, SlideMpp], Slide]
    can_open: Callable[[Path], bool] | None
    needs_child: bool = False


# A new reader is one module and one line here. Where none is named, the first that opens the file
# reads it.
READERS: dict[str, Reader] = {
    "direct": Reader(direct_reader.DirectReader, direct_reader.can_open),
    "openslide": Reader(openslide_reader.OpenSlideReader, openslide_reader.can_open),
    "fastslide": Reader(fastslide_reader.FastslideReader, can_open=None, needs_child=True),
    "tiff": Reader(tiff_reader.TiffReader, tiff_reader.can_open),
    "image": Reader(image_reader.ImageReader, image_reader.can_open),
}


def open_slide(
    path: str | Path,
    *,
    reader: str = "auto",
    slide_mpp: SlideMpp = None,
    icc: bool = False,
    isolated: bool = False,
    timeout_s: float = READ_TIMEOUT_S,
) -> Slide:
    """Open a slide.

    Parameters
    ----------
    path : the slide's file.
    reader : `direct`, `openslide`, `fastslide`, `tiff`, `image`, or `auto` for the fastest that
        reads it rightly.
    slide_mpp : microns per level-0 pixel, one number or (x, y), where the slide does not say
        or is wrong.
    icc : convert colours to sRGB by the slide's ICC profile, where it has one.
    isolated : read in a child process, so that a library that crashes or hangs on a damaged
        file costs this slide and not the process. The reader `fastslide` always does.
    timeout_s : seconds that a read of an isolated slide may take.

    Returns
    -------
    An open slide; a context manager, for one thread.

    Raises
    ------
    SlideNotFoundError
        If there is no such file.
    SlideReadError
        If it is a folder, empty, damaged, or of no known format.
    MissingMppError
        If it does not tell its µm/px and none were given.
    SettingsError
        If there is no such reader, or `slide_mpp` is outside 0.05 to 20.
    """
    path = Path(path)
    if reader != "auto" and reader not in READERS:
        raise SettingsError(f"--reader must be one of auto, {', '.join(READERS)}, not {reader!r}")
    _check_file(path)
    slide = (
        IsolatedSlide(path, reader, slide_mpp, timeout_s)
        if isolated or (reader != "auto" and READERS[reader].needs_child)
        else open_in_this_process(path, reader, slide_mpp)
    )
    if icc:
        try:
            slide.convert_to_srgb()
        except BaseException:
            slide.close()
            raise
    return slide


def open_in_this_process(path: Path, reader: str, slide_mpp: SlideMpp) -> Slide:
    """Open a file that is there with a known reader, or with the first that opens all of it."""
    if reader == "auto" and tiff_reader.comes_before_openslide(path):
        reader = "tiff"
    if reader != "auto":
        return READERS[reader].open(path, slide_mpp)
    for known in READERS.values():
        if known.can_open is not None and known.can_open(path):
            with contextlib.suppress(UnfitReaderError):
                return known.open(path, slide_mpp)
    raise SlideReadError(
        f"{path}: neither a slide that OpenSlide knows nor a plain image (PNG, JPEG, TIFF, BMP, "
        "WebP): of another format, damaged, or not copied whole; copy it again, or convert it"
    )


@dataclass(frozen=True)
class SlideSource:
    """How to open a slide; travels to threads and processes in place of an open one.

    The attributes are the arguments of `open_slide`, and

    name : what the slide is to be called in results; None is as its file.
    anonymous : whether results must not tell the file's own name either.
    """

    path: Path
    reader: str = "auto"
    slide_mpp: SlideMpp = None
    icc: bool = False
    isolated: bool = False
    timeout_s: float = READ_TIMEOUT_S
    name: str | None = None
    anonymous: bool = False

    def __post_init__(self) -> None:
        """Refuse a slide without any name.

        Raises
        ------
        SettingsError
            If it must not be called as its file, and nothing else is given.
        """
        if self.anonymous and not self.name:
            raise SettingsError("an anonymous slide needs a name; see SlideSource.anonymised")

    @property
    def file(self) -> str:
        """The file's name as outputs may tell it, never with its folder."""
        if not self.anonymous:
            return self.path.name
        suffix = self.path.suffix.lower()
        return f"{self.name}{suffix if suffix in SLIDE_SUFFIXES else ''}"

    def anonymised(self, pseudonyms: Pseudonyms) -> SlideSource:
        """The same slide, called by a hash of its name."""
        name = pseudonyms.slide(self.name or self.path.stem)
        return replace(self, name=name, anonymous=True)

    def open(self) -> Slide:
        """Open the slide anew; the errors are those of `open_slide`."""
        slide = open_slide(
            self.path,
            reader=self.reader,
            slide_mpp=self.slide_mpp,
            icc=self.icc,
            isolated=self.isolated,
            timeout_s=self.timeout_s,
        )
        if self.name is not None:
            shown = self.file if self.anonymous else None
            slide.info = replace(slide.info, name=self.name, shown_file=shown)
        return slide


SlideLike = SlideSource | str | Path
"""What functions that open slides themselves take: a source, or just the file."""


def as_source(slide: SlideLike) -> SlideSource:
    """Return how to open a slide, given that or its file alone."""
    return SlideSource(Path(slide)) if isinstance(slide, str | Path) else slide


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise SlideReadError(
                f"{path}: this is a folder, not a slide; give the slide's file in it "
                "(for MIRAX the .mrxs file, for DICOM one .dcm file)"
            )
        if not path.is_file():
            missing = SlideNotFoundError(f"{path}: there is no such file; check the path")
            missing.path = path
            raise missing
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except (SlideReadError, SlideNotFoundError):
        raise
    except OSError as error:
        raise SlideReadError(
            f"{path}: cannot be read: {reason(error)}; check the file's permissions"
        ) from error
    if is_empty:
        raise SlideReadError(f"{path}: the file is empty (0 bytes); copy it again")
