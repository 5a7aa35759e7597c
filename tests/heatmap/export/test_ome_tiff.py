"""Maps on disk: what comes back is what went in."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import ome_types
import pytest
import tifffile
import zarr

from wsi_idc.errors import OutputError, ResultFolderError
from wsi_idc.heatmap.export.ome_tiff import read_ome_tiff, write_ome_tiff
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import Placement

# Floats whose decimal text is long, and a negative origin: all must come back exactly.
PLACEMENT = Placement(-7.25, 1 / 3, 200 / 0.2527, 200 / 0.2431, 0.2527, 0.2431)
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def a_map(rows: int = 37, columns: int = 53) -> ProbabilityMap:
    values = np.random.default_rng(5).random((rows, columns), dtype=np.float32)
    values[values < 0.3] = np.nan
    values[0, 0], values[-1, -1] = 0.0, 1.0
    return ProbabilityMap(values, PLACEMENT)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ResultFolderError, match=r"none\.ome\.tif"):
        read_ome_tiff(tmp_path / "none.ome.tif")


@pytest.mark.parametrize("shape", [(37, 53), (1, 1), (1, 4), (5, 1), (600, 700)])
def test_a_map_comes_back_identical(tmp_path: Path, shape):
    probability = (
        a_map(*shape)
        if shape != (1, 1)
        else ProbabilityMap(np.full((1, 1), np.nan, dtype=np.float32), PLACEMENT)
    )
    write_ome_tiff(tmp_path / "map.ome.tif", probability, "slide")
    back = read_ome_tiff(tmp_path / "map.ome.tif")
    assert back.values.dtype == np.float32
    assert back.values.tobytes() == probability.values.tobytes()
    assert back.placement == probability.placement


def test_other_tools_find_the_ome_fields(tmp_path: Path):
    probability = a_map()
    write_ome_tiff(tmp_path / "map.ome.tif", probability, "Fall 7 <µ&>")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as tiff:
        assert tiff.is_ome
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert tiff.pages[0].sampleformat == tifffile.SAMPLEFORMAT.IEEEFP
        assert "DateTime" not in tiff.pages[0].tags
        (series,) = tiff.series
        assert (series.kind, series.axes, series.shape) == ("ome", "YX", (37, 53))
        np.testing.assert_array_equal(series.asarray(), probability.values)
        xml = ET.fromstring(tiff.ome_metadata)
    assert xml.find(f"{OME}Image").get("Name") == "Fall 7 <µ&>"
    pixels = xml.find(f".//{OME}Pixels")
    assert float(pixels.get("PhysicalSizeX")) == pytest.approx(200.0, rel=1e-12)
    assert float(pixels.get("PhysicalSizeY")) == PLACEMENT.pixel_height_um
    assert pixels.get("PhysicalSizeXUnit") == pixels.get("PhysicalSizeYUnit") == "µm"
    assert (pixels.get("SizeX"), pixels.get("SizeY"), pixels.get("Type")) == ("53", "37", "float")
    # The annotation must be tied to the image, or readers drop it.
    reference = xml.find(f"{OME}Image/{OME}AnnotationRef").get("ID")
    note = xml.find(f"{OME}StructuredAnnotations/{OME}MapAnnotation")
    assert note.get("ID") == reference
    found = {m.get("K"): float(m.text) for m in note.iter(f"{OME}M")}
    assert found["cell_width"] == 200 / 0.2527


def test_equal_maps_give_equal_bytes_and_others_another_uuid(tmp_path: Path):
    def written(probability: ProbabilityMap, name: str, file: str) -> tuple[bytes, str]:
        write_ome_tiff(tmp_path / file, probability, name)
        with tifffile.TiffFile(tmp_path / file) as tiff:
            identity = ET.fromstring(tiff.ome_metadata).get("UUID")
        return (tmp_path / file).read_bytes(), identity

    probability = a_map()
    first, identity = written(probability, "slide", "a.ome.tif")
    assert written(a_map(), "slide", "b.ome.tif") == (first, identity)
    assert written(probability, "other", "c.ome.tif")[1] != identity
    moved = replace(probability, placement=replace(PLACEMENT, origin_x=-7.0))
    assert written(moved, "slide", "d.ome.tif")[1] != identity
    values = probability.values.copy()
    values[0, 0] = np.nextafter(np.float32(0), np.float32(1))
    assert written(replace(probability, values=values), "slide", "e.ome.tif")[1] != identity


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_a_truncated_map_is_refused(tmp_path: Path, keep):
    path = tmp_path / "map.ome.tif"
    write_ome_tiff(path, a_map(), "slide")
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(len(whole) * keep)])
    with pytest.raises(ResultFolderError, match=r"map\.ome\.tif"):
        read_ome_tiff(path)


def test_other_tiffs_are_refused(tmp_path: Path):
    path = tmp_path / "map.ome.tif"
    tifffile.imwrite(path, np.zeros((4, 5), np.float32), metadata={"axes": "YX"})
    with pytest.raises(ResultFolderError, match="lacks origin_x"):
        read_ome_tiff(path)
    tifffile.imwrite(path, np.zeros((4, 5, 3), np.uint8), description="a picture", metadata=None)
    with pytest.raises(ResultFolderError, match=r"map\.ome\.tif"):
        read_ome_tiff(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        write_ome_tiff(tmp_path / "file" / "map.ome.tif", a_map(), "slide")


def test_it_is_a_valid_ome_with_its_place_in_microns(tmp_path: Path):
    write_ome_tiff(tmp_path / "map.ome.tif", a_map(), "slide")
    ome = ome_types.from_tiff(tmp_path / "map.ome.tif", validate=True)
    (image,) = ome.images
    (plane,) = image.pixels.planes
    assert plane.position_x == PLACEMENT.origin_x * PLACEMENT.mpp_x
    assert plane.position_y == PLACEMENT.origin_y * PLACEMENT.mpp_y
    assert plane.position_x_unit.value == "µm"


def test_large_maps_have_a_pyramid_of_means_of_what_was_assessed(tmp_path: Path):
    probability = a_map(601, 1030)
    write_ome_tiff(tmp_path / "map.ome.tif", probability, "slide")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as tiff:
        assert len(tiff.pages) == 1
        (series,) = tiff.series
        levels = [level.asarray() for level in series.levels]
        pages = [tiff.pages[0], *tiff.pages[0].pages]
        assert [page.tile for page in pages] == [(256, 256)] * 4
        assert [page.is_reduced for page in pages] == [False, True, True, True]
    assert [level.shape for level in levels] == [(608, 1032), (304, 516), (152, 258), (76, 129)]
    np.testing.assert_array_equal(levels[0][:601, :1030], probability.values)
    assert np.isnan(levels[0][601:]).all()
    assert np.isnan(levels[0][:, 1030:]).all()
    for coarse, fine in zip(levels[1:], levels, strict=False):
        blocks = np.stack([fine[y::2, x::2] for y in (0, 1) for x in (0, 1)]).astype(float)
        blank = np.isnan(blocks).all(axis=0)
        assert (np.isnan(coarse) == blank).all()
        means = np.nanmean(blocks[:, ~blank], axis=0)
        np.testing.assert_allclose(coarse[~blank], means, rtol=1e-6)
    assert read_ome_tiff(tmp_path / "map.ome.tif").values.shape == (601, 1030)


def test_zarr_reads_the_levels(tmp_path: Path):
    probability = a_map(300, 40)
    write_ome_tiff(tmp_path / "map.ome.tif", probability, "slide")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as tiff:
        group = zarr.open(tiff.series[0].aszarr(), mode="r")
        assert [group[key].shape for key in ("0", "1")] == [(300, 40), (150, 20)]
        np.testing.assert_array_equal(group["0"][:], probability.values)


def test_eight_bits_have_a_documented_scale(tmp_path: Path):
    probability = a_map(300, 40)
    write_ome_tiff(tmp_path / "map.ome.tif", probability, "slide", eight_bit=True)
    pixels = tifffile.imread(tmp_path / "map.ome.tif")
    assert pixels.dtype == np.uint8
    assert ((pixels == 0) == np.isnan(probability.values)).all()
    back = (pixels[pixels > 0] - 1.0) / 254
    np.testing.assert_allclose(back, probability.values[pixels > 0], atol=0.5 / 254 + 1e-6)
    ome = ome_types.from_tiff(tmp_path / "map.ome.tif", validate=True)
    notes = {note.namespace: dict(note.value) for note in ome.structured_annotations}
    assert notes["wsi-idc/probability-map/scale"]["probability"] == "(value - 1) / 254"
    with pytest.raises(ResultFolderError, match="float32"):
        read_ome_tiff(tmp_path / "map.ome.tif")


def test_maps_of_earlier_versions_are_still_read(tmp_path: Path):
    probability = a_map(300, 40)
    write_ome_tiff(tmp_path / "map.ome.tif", probability, "slide")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as tiff:
        description = tiff.pages[0].description
    for key in ("columns", "rows"):
        description = re.sub(rf'<(\w+:)?M K="{key}">\d+</(\w+:)?M>', "", description)
    assert "rows" not in description
    tifffile.imwrite(  # one plane in strips, no size of its own
        tmp_path / "old.ome.tif",
        probability.values,
        compression="zlib",
        description=description.encode(),
        metadata=None,
    )
    back = read_ome_tiff(tmp_path / "old.ome.tif")
    assert back.values.tobytes() == probability.values.tobytes()
    assert back.placement == PLACEMENT
