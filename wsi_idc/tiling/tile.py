"""Tile one slide: from the file to a folder of patches, all of it or nothing.

What one slide adds to the output folder::

    <patient>/<class>/...png             its patches as PNG files (see `wsi_idc.tiling.layout`),
    slides/<slide>/<slide>_patches.h5    or all in one file (or `.tfrecord`)
    slides/<slide>/<slide>_patches.csv   their index
    slides/<slide>/<slide>_mask.png      its tissue, over the slide's bounds
    slides/<slide>/<slide>_tissue.geojson  the same as polygons
    slides/<slide>/<slide>_grid.png      a picture of it with tissue and patches drawn in
    slides/<slide>/<slide>_contact.png   some of its patches side by side
    slides/<slide>/manifest.json         what it is, the settings and the counts

The manifest is written last: where it stands, all the rest does.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from wsi_idc.files import json_text, whole_file, write_json
from wsi_idc.progress import Progress
from wsi_idc.slides import SlideLike, SlideSource, as_source
from wsi_idc.slides.raster import SlideMask, SlidePicture
from wsi_idc.tiling.blocks import PatchBlock, read_patches
from wsi_idc.tiling.contact_sheet import ContactSheet
from wsi_idc.tiling.formats import SlidePatches
from wsi_idc.tiling.grid_picture import grid_sheet
from wsi_idc.tiling.layout import check_folder_name, index_path, manifest_path, slide_folder
from wsi_idc.tiling.manifest import earlier_run, outcome_of, refuse_other, request_of
from wsi_idc.tiling.planning import PlannedTiles, TruthSource, guidance_of, plan_tiles
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.writer import write_patches
from wsi_idc.tissue import outline_geojson

if TYPE_CHECKING:
    from wsi_idc.annotations.roi import RegionOfInterest

# Large enough to tell single patches of a whole section apart, small enough for a web page.
_PICTURE_SIDE_PX = 1500
# A picture of H&E hardly shrinks by more effort, and writing it takes longer than drawing it.
_PNG_LEVEL = 2
_MASK_PNG_LEVEL = 6


@dataclass(frozen=True)
class TileResult:
    """What tiling one slide came to.

    Attributes
    ----------
    name, patient : the slide's and the patient's.
    patches : how many patches were written.
    positive, negative : how many of them are labelled so; both 0 without truth.
    border_left_out : how many patches `exclude_border` left out.
    ignored_left_out : how many patches were left out since they touch an ignored area.
    tissue_mm2 : area of the tissue within the region.
    folder : where the files about the slide lie.
    index : the CSV of its patches.
    skipped : True where an earlier run with the same settings had done it all.
    warnings : what a user should know, such as a guessed µm/px.
    """

    name: str
    patient: str
    patches: int
    positive: int
    negative: int
    border_left_out: int
    ignored_left_out: int
    tissue_mm2: float
    folder: Path
    index: Path
    skipped: bool
    warnings: tuple[str, ...]


def tile_slide(
    source: SlideLike,
    output: str | Path,
    settings: TileSettings | None = None,
    *,
    patient: str | None = None,
    truth: TruthSource | None = None,
    tissue: SlideMask | Path | None = None,
    roi: RegionOfInterest | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> TileResult:
    """Cut a slide's tissue into patches and write them as a patch collection.

    Run again with the same settings, it does nothing if all was written, and starts over if
    it was not; the files are the same either way.

    Parameters
    ----------
    source : the slide, or its file.
    output : the collection's folder; several slides share one.
    settings : how to tile; None takes the defaults.
    patient : whose slide it is; None takes the slide's name.
    truth : where IDC is, as a mask, as a mask image over the slide's bounds, or as annotations;
        patches are labelled by it. None writes patches without labels.
    tissue : where tissue is, as a mask or its file (`wsi_idc.tissue.read_given`); None finds it
        as `settings.tissue` says.
    roi : take the patches whose centre lies in this region only; None takes all.
    overwrite : replace what another run with other settings, or of another slide of the same
        name, wrote.
    threads : how many threads read and how many encode; None is one for each processor.
    progress : called with the patches done and the patches to do.

    Raises
    ------
    SettingsError
        If a setting cannot be used, or differs from that of an earlier run and `overwrite`
        is False.
    AnnotationError
        If an annotation file cannot be used.
    SlideError
        If the slide cannot be opened or read, does not say its µm/px, has no pixels so
        fine, or no tissue.
    OutputError
        If the output cannot be written.
    """
    source, output = as_source(source), Path(output)
    settings = settings or TileSettings()
    with source.open() as slide:
        info = slide.info
        patient = info.name if patient is None else patient
        check_folder_name(info.name, "slide name")
        check_folder_name(patient, "patient")
        guidance = guidance_of(info, settings, truth, tissue, roi)
        request = request_of(info, settings, patient, guidance)
        manifest = manifest_path(output, info.name)
        if not overwrite and (done := earlier_run(manifest)) is not None:
            refuse_other(manifest, done, request)
            return _result(output, info.name, done, skipped=True)

        planned = plan_tiles(slide, settings, guidance)
        picture = slide.picture(max_side=_PICTURE_SIDE_PX)

    plan = planned.plan
    patches = SlidePatches(info, patient, plan)
    sheet = ContactSheet(plan)
    with ThreadPoolExecutor(1, thread_name_prefix="draw") as beside:
        drawing = beside.submit(_drawn, info.name, picture, planned)
        with closing(_blocks(source, planned, sheet, settings.format, threads)) as blocks:
            write_patches(
                output, patches, blocks, format=settings.format, threads=threads, progress=progress
            )
        drawn = drawing.result() | {"contact.png": _png(sheet.draw(info.name))}
    _write_pictures(manifest.parent, info.name, drawn)
    written = {**request, **outcome_of(info, planned, guidance)}
    write_json(manifest, written)
    return _result(output, info.name, written, skipped=False)


def _blocks(
    source: SlideSource,
    planned: PlannedTiles,
    sheet: ContactSheet,
    format: str,
    threads: int | None,
) -> Generator[PatchBlock, None, None]:
    """The pixels to write; the contact sheet takes its own from them."""
    plan, overview = planned.plan, planned.overview
    if format != "coords":
        with closing(read_patches(source, plan, threads=threads, overview=overview)) as blocks:
            yield from sheet.watch(blocks)
        return
    # Nothing to write: only what the sheet shows is read.
    few = plan.select(sheet.chosen)
    with closing(read_patches(source, few, threads=threads, overview=overview)) as blocks:
        for block in blocks:
            sheet.take(sheet.chosen[block.indices], block.patches)


def _result(output: Path, name: str, manifest: dict[str, Any], *, skipped: bool) -> TileResult:
    counts = manifest["counts"]
    return TileResult(
        name=name,
        patient=manifest["patient"],
        patches=counts["patches"],
        positive=counts["positive"],
        negative=counts["negative"],
        border_left_out=counts["border_left_out"],
        ignored_left_out=counts["ignored_left_out"],
        tissue_mm2=manifest["tissue_mm2"],
        folder=slide_folder(output, name),
        index=index_path(output, name),
        skipped=skipped,
        warnings=tuple(manifest["warnings"]),
    )


def _drawn(name: str, picture: SlidePicture, planned: PlannedTiles) -> dict[str, bytes]:
    """What can be drawn before the patches are read: files by the ends of their names."""
    mask = Image.fromarray(planned.mask.values.astype(np.uint8) * 255)
    return {
        "mask.png": _png(mask, _MASK_PNG_LEVEL),
        "tissue.geojson": json_text(outline_geojson(planned.mask)).encode(),
        "grid.png": _png(grid_sheet(picture, planned.plan, planned.mask, name)),
    }


def _png(image: Image.Image, level: int = _PNG_LEVEL) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG", compress_level=level)
    return stream.getvalue()


def _write_pictures(folder: Path, name: str, drawn: dict[str, bytes]) -> None:
    for ending, content in drawn.items():
        with whole_file(folder / f"{name}_{ending}") as temporary:
            temporary.write_bytes(content)
