"""Labels from annotation files, on plans of slides that are numbers only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from annotations.drawn import feature, region, square, write_asap, write_geojson, write_imagescope
from tiling.plans import slide_info

from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError
from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.tiling.annotated import AnnotationLabels
from wsi_idc.tiling.labels import label_patches
from wsi_idc.tiling.plan import plan_patches

Points = list[tuple[float, float]]
SCALES = {
    "40x": slide_info(100_000, 80_000, 0.25),
    "odd": slide_info(100_000, 80_000, 0.2527),
    "anisotropic": slide_info(100_000, 80_000, 0.2502, mpp_y=0.2613),
}


def labels_of(
    info: SlideInfo, labels: AnnotationLabels, *, ignore: bool = False
) -> dict[tuple[int, int], int]:
    """Label of every patch of a slide by its column and row."""
    truth = labels.truth(info)
    plan = plan_patches(info, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    plan = label_patches(plan, truth.positive, ignored=truth.ignored).plan
    places = zip(plan.columns.tolist(), plan.rows.tolist(), strict=True)
    return dict(zip(places, plan.label.tolist(), strict=True))


def written(folder: Path, *outlines: Points, name: str = "Tumor") -> dict[str, Path]:
    return {
        "geojson": write_geojson(
            folder / "q.geojson", *[feature(points, name=name) for points in outlines]
        ),
        "asap": write_asap(folder / "a.xml", *[("Polygon", name, points) for points in outlines]),
        "imagescope": write_imagescope(
            folder / "i.xml", (name, [region(points) for points in outlines])
        ),
    }


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", ["geojson", "asap", "imagescope"])
def test_positions_are_exact_at_the_far_corner(tmp_path: Path, kind: str, scale: str) -> None:
    info = SCALES[scale]
    width, height = 400 / info.mpp_x, 400 / info.mpp_y
    columns, rows = int(100_000 / width), int(80_000 / height)
    column, row = columns - 1, rows - 1  # the last patches that lie wholly on the slide

    def strip(column: int, row: int, share: float) -> Points:
        left, top = column * width, row * height
        right, bottom = left + share * width, top + height
        return [(left, top), (right, top), (right, bottom), (left, bottom)]

    # A ten-thousandth of a patch more or less than 80 % is a fifth of a pixel here.
    outlines = [strip(column, row, 0.8001), strip(column - 1, row, 0.7999), strip(0, 0, 0.8001)]
    file = written(tmp_path, *outlines)[kind]
    labels = labels_of(info, AnnotationLabels(file))
    assert {place for place, label in labels.items() if label} == {(column, row), (0, 0)}


def test_overlapping_outlines_of_a_class_count_once(tmp_path: Path) -> None:
    # Each covers half of the patch, and they overlap: 75 % together and not 100 %.
    half, other = (
        [(0, 0), (800, 0), (800, 1600), (0, 1600)],
        [
            (400, 0),
            (1200, 0),
            (1200, 1600),
            (400, 1600),
        ],
    )
    for file in written(tmp_path, half, other).values():  # type: ignore[arg-type]
        assert labels_of(slide_info(), AnnotationLabels(file))[0, 0] == 0


def test_a_hole_is_not_annotated(tmp_path: Path) -> None:
    hole = square(400, 400, 800)  # a quarter of the patch
    q = write_geojson(tmp_path / "q.geojson", feature(square(0, 0, 1600), hole))
    i = write_imagescope(
        tmp_path / "i.xml", ("Tumor", [region(square(0, 0, 1600)), region(hole, negative=1)])
    )
    for file in (q, i):
        assert labels_of(slide_info(), AnnotationLabels(file))[0, 0] == 0


@pytest.mark.parametrize("name", ["IDC", "tumor", "TUMOUR", "Positive", "invasive"])
def test_usual_names_are_positive_without_saying(tmp_path: Path, name: str) -> None:
    other = feature(square(1600, 0, 1600), name="Stroma")
    file = write_geojson(tmp_path / "q.geojson", feature(square(0, 0, 1600), name=name), other)
    truth = AnnotationLabels(file).truth(slide_info())
    assert truth.classes == {"positive": [name], "ignored": []}
    labels = labels_of(slide_info(), AnnotationLabels(file))
    assert (labels[0, 0], labels[1, 0]) == (1, 0)


def test_given_classes_take_the_place_of_the_usual_ones(tmp_path: Path) -> None:
    outlines = [feature(square(1600 * i, 0, 1600), name=n) for i, n in enumerate("ABC")]
    tumor = feature(square(4800, 0, 1600), name="Tumor")
    file = write_geojson(tmp_path / "q.geojson", *outlines, tumor)
    labels = labels_of(slide_info(), AnnotationLabels(file, ("a", " B ")))
    assert [labels[column, 0] for column in range(4)] == [1, 1, 0, 0]


def test_a_file_without_positive_classes_is_an_error_that_lists_its_own(tmp_path: Path) -> None:
    file = write_geojson(
        tmp_path / "q.geojson",
        feature(square(0, 0, 9), name="Stroma"),
        feature(square(0, 0, 9), name=None),
    )
    with pytest.raises(AnnotationError, match="classes are: 'Stroma', 'unclassified'") as caught:
        AnnotationLabels(file).truth(slide_info())
    assert "--positive-class" in str(caught.value) and str(file) in str(caught.value)
    with pytest.raises(AnnotationError, match="none at all"):
        AnnotationLabels(write_geojson(tmp_path / "none.geojson")).truth(slide_info())
    with pytest.raises(AnnotationError, match="--unannotated-negative"):
        AnnotationLabels(None).truth(slide_info())
    for labels in (
        AnnotationLabels(file, unannotated_negative=True),
        AnnotationLabels(None, unannotated_negative=True),
    ):
        assert set(labels_of(slide_info(), labels).values()) == {0}


def test_unclassified_areas_can_be_the_positive_ones(tmp_path: Path) -> None:
    file = write_geojson(tmp_path / "q.geojson", feature(square(0, 0, 1600), name=None))
    assert labels_of(slide_info(), AnnotationLabels(file, ("unclassified",)))[0, 0] == 1


def test_ignored_classes_leave_patches_out(tmp_path: Path) -> None:
    file = write_geojson(
        tmp_path / "q.geojson",
        feature(square(0, 0, 1600)),
        feature(square(1600, 0, 10), name="DCIS"),
    )
    labels = labels_of(slide_info(), AnnotationLabels(file, ignore_classes=("dcis",)))
    assert (1, 0) not in labels and labels[0, 0] == 1 and len(labels) == 49
    both = AnnotationLabels(file, ignore_classes=("TUMOR",))
    with pytest.raises(AnnotationError, match="both positive and ignored"):
        both.truth(slide_info())
    misspelt = AnnotationLabels(file, ignore_classes=("DICS",)).truth(slide_info())
    assert misspelt.warnings == ("there is no area of the class 'DICS' to ignore",)


class TestBounds:
    info = slide_info(40_000, 40_000, bounds=Bounds(12_345, 6_789, 16_000, 8_000))

    def test_coordinates_count_from_the_frame_and_it_is_said(self, tmp_path: Path) -> None:
        file = write_geojson(tmp_path / "q.geojson", feature(square(12_345, 6_789, 1600)))
        labels = AnnotationLabels(file)
        assert labels_of(self.info, labels)[0, 0] == 1
        (warning,) = labels.truth(self.info).warnings
        assert "begins at 12,345, 6,789" in warning and "--annotation-origin bounds" in warning

    def test_they_can_count_from_the_bounds(self, tmp_path: Path) -> None:
        file = write_geojson(tmp_path / "q.geojson", feature(square(1600, 0, 1600)))
        labels = AnnotationLabels(file, origin="bounds")
        assert labels_of(self.info, labels) == {
            (column, row): int((column, row) == (1, 0)) for column in range(10) for row in range(5)
        }
        assert labels.truth(self.info).warnings == ()


def test_annotations_of_another_slide_are_noticed(tmp_path: Path) -> None:
    off = feature(square(200_000, 0, 100))
    file = write_geojson(tmp_path / "q.geojson", off)
    with pytest.raises(AnnotationError, match="off the slide"):
        AnnotationLabels(file).truth(slide_info())
    both = write_geojson(tmp_path / "b.geojson", off, feature(square(0, 0, 100)))
    assert AnnotationLabels(both).truth(slide_info()).warnings == (
        "1 of 2 annotated areas lie off the slide",
    )


def test_what_decides_labels_decides_the_fingerprint(tmp_path: Path) -> None:
    tumor, dcis = feature(square(0, 0, 1600)), feature(square(3200, 0, 9), name="DCIS")
    stroma = feature(square(1600, 0, 1600), name="Stroma")
    first = write_geojson(tmp_path / "1.geojson", tumor, dcis, stroma)
    second = write_geojson(tmp_path / "2.geojson", dcis, tumor)

    def digest(file: Path, **settings: tuple[str, ...]) -> str:
        return AnnotationLabels(file, **settings).truth(slide_info()).sha256  # type: ignore[arg-type]

    assert digest(first) == digest(second)
    assert digest(first) != digest(first, ignore_classes=("DCIS",))
    assert digest(first) != digest(first, positive_classes=("Tumor", "Stroma"))


def test_a_mask_of_the_annotations_says_the_same_as_they(tmp_path: Path) -> None:
    """Where outlines lie on whole pixels, the mask and the exact area agree on every share."""
    rng = np.random.default_rng(3)
    outlines = [
        square(*(100.0 * rng.integers(0, 70, 2)), 100.0 * rng.integers(5, 40)) for _ in "1" * 9
    ]
    area = read_annotations(write_geojson(tmp_path / "q.geojson", *map(feature, outlines))).union()
    info = slide_info()
    plan = plan_patches(info, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    from wsi_idc.slides.raster import Placement

    mask = area.rasterise(Placement(0, 0, 100, 100, 0.25, 0.25), (80, 160))
    assert plan.share_of(area) == pytest.approx(plan.share_of(mask), abs=1e-12)
    assert len(np.unique(plan.share_of(area).round(9))) > 5
