"""Made sections are repeatable, aligned with their truth, and not told by colour alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wsi_idc.errors import SettingsError
from wsi_idc.phantom import PhantomSpec, make_phantom
from wsi_idc.phantom.drawing import Painter
from wsi_idc.phantom.scene import Scene, make_scene

PATCH = 50
TARGET_UM = 8.0


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(2400.0, 2000.0, seed=5, stain_variation=1.0)


def test_same_spec_same_bytes(tmp_path: Path) -> None:
    spec = PhantomSpec("section", 1.5, 1.2, mpp=2.0, seed=3)
    first, second = (make_phantom(spec, tmp_path / name) for name in ("a", "b"))
    assert first.slide.read_bytes() == second.slide.read_bytes()
    assert first.truth.read_bytes() == second.truth.read_bytes()
    other = make_phantom(PhantomSpec("section", 1.5, 1.2, mpp=2.0, seed=4), tmp_path / "c")
    assert first.slide.read_bytes() != other.slide.read_bytes()


@pytest.mark.parametrize("mpp", [0.25, 1.0])
def test_slide_and_truth_cover_the_same_area(tmp_path: Path, mpp: float) -> None:
    made = make_phantom(PhantomSpec("section", 1.0, 0.9, mpp=mpp, seed=1), tmp_path)
    with openslide.OpenSlide(made.slide) as slide:
        assert slide.dimensions == (round(1000 / mpp), round(900 / mpp))
        assert float(slide.properties["openslide.mpp-x"]) == mpp
        assert slide.level_count == 3
    truth = Image.open(made.truth)
    assert truth.mode == "L"
    assert truth.size == (125, 113)  # cells of 8 µm, or a little less to come out even
    assert set(np.unique(np.asarray(truth))) == {0, 255}


def test_pixels_do_not_depend_on_blocks(scene: Scene) -> None:
    painter = Painter(scene, 2.0)
    whole = painter.draw(0, 0, painter.width, painter.height).astype(int)
    parts = painter.draw(311, 207, 400, 300).astype(int)
    difference = np.abs(whole[207:507, 311:711] - parts)
    # Interpolated fields may differ in the last bit, and with them a pixel by one grey level.
    assert difference.max() <= 1
    assert np.count_nonzero(difference) < 0.001 * difference.size


def test_tumour_nuclei_lie_in_the_truth(scene: Scene) -> None:
    frame, nuclei = scene.frame, scene.nuclei
    tumour = nuclei.kind == 3
    rows = (nuclei.y[tumour] / frame.cell_y).astype(int)
    columns = (nuclei.x[tumour] / frame.cell_x).astype(int)
    grown = ndimage.binary_dilation(scene.fields.idc)
    assert np.count_nonzero(tumour) > 500
    assert grown[rows, columns].all()
    # Shifted by 100 µm many of them would lie outside.
    shifted = np.clip(columns + 12, 0, frame.shape[1] - 1)
    assert scene.fields.idc[rows, shifted].mean() < 0.95


def test_nests_are_drawn_where_the_truth_is(scene: Scene) -> None:
    """In the pixels: what tumour nuclei stain fits the truth best where it is, within 24 µm."""
    stained = drawn_nests(scene)
    idc = scene.fields.idc

    def overlap(dx: int, dy: int) -> float:
        return float(stained[np.roll(idc, (dy, dx), (0, 1))].mean())

    best = max((overlap(dx, dy), dx, dy) for dx in range(-9, 10, 3) for dy in range(-9, 10, 3))
    assert best[1:] == (0, 0)


def test_idc_share_of_the_tissue() -> None:
    for seed in range(4):
        fields = make_scene(2400.0, 2000.0, seed, 1.0).fields
        share = np.count_nonzero(fields.idc) / np.count_nonzero(fields.tissue > 0)
        assert 0.15 <= share <= 0.35
        assert not (fields.idc & (fields.tissue <= 0)).any()


def test_colour_is_not_enough_but_texture_is() -> None:
    """Trained on some patients and tried on others, at the µm/px that a network sees."""
    # Few and small sections for speed; larger ones are separated far better by texture.
    train = [patches_of(seed, stride=25) for seed in (0, 1)]
    tried = [patches_of(seed, stride=25) for seed in (2, 3)]
    auc = {
        name: auc_between_patients(train, tried, features)
        for name, features in (("colour", mean_rgb), ("texture", band_contrasts))
    }
    assert auc["colour"] < 0.9
    assert auc["texture"] > 0.9


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (PhantomSpec("tiny", 0.2, 3.0), "at least 0.5 mm"),
        (PhantomSpec("coarse", 3.0, 3.0, mpp=8.0), "choose from 0.1 to 4"),
        (PhantomSpec("nan", float("nan"), 3.0), "at least 0.5 mm"),
    ],
)
def test_specs_that_cannot_be_drawn(tmp_path: Path, spec: PhantomSpec, message: str) -> None:
    with pytest.raises(SettingsError, match=f"phantom {spec.name}.*{message}"):
        make_phantom(spec, tmp_path)


def drawn_nests(scene: Scene) -> NDArray[np.bool_]:
    """Cells of the maps that hold a tumour nucleus as it was stamped, from the pixels alone."""
    without = Scene(
        scene.frame,
        scene.fields,
        scene.outlines,
        type(scene.nuclei)(
            *(
                values[scene.nuclei.kind != 3]
                for values in (
                    scene.nuclei.x,
                    scene.nuclei.y,
                    scene.nuclei.kind,
                    scene.nuclei.direction,
                    scene.nuclei.variant,
                )
            )
        ),
    )
    changed = np.abs(reduced(scene).astype(int) - reduced(without)).sum(axis=-1)
    return np.asarray(changed > 12)


def reduced(scene: Scene, mpp: float = 2.0) -> NDArray[np.uint8]:
    """The whole section at 8 µm/px."""
    painter = Painter(scene, mpp)
    pixels = painter.draw(0, 0, painter.width, painter.height)
    return np.asarray(Image.fromarray(pixels).reduce(round(TARGET_UM / mpp)))


def patches_of(seed: int, stride: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Tissue patches of a 3.2 x 2.8 mm section, and which are at least 80 % IDC."""
    scene = make_scene(3200.0, 2800.0, seed, 1.0)
    picture = reduced(scene)
    patches, labels = [], []
    for y in range(0, picture.shape[0] - PATCH + 1, stride):
        for x in range(0, picture.shape[1] - PATCH + 1, stride):
            here = np.s_[y : y + PATCH, x : x + PATCH]
            if (scene.fields.tissue[here] > 0).mean() > 0.5:
                patches.append(picture[here])
                labels.append(scene.fields.idc[here].mean() >= 0.8)
    return np.array(patches), np.array(labels)


def mean_rgb(patch: NDArray[np.uint8]) -> NDArray[np.float64]:
    return patch.mean(axis=(0, 1))


def band_contrasts(patch: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Spread and skewness of what lies between two scales, 8 to 64 µm, free of mean colour."""
    features = []
    for channel in (0, 1):
        grey = patch[..., channel].astype(float)
        for sigma in (0.5, 1.0, 2.0, 4.0):
            band = ndimage.gaussian_filter(grey, sigma) - ndimage.gaussian_filter(grey, 2 * sigma)
            spread = band.std()
            features += [np.log(spread), ((band - band.mean()) ** 3).mean() / spread**3]
    return np.array(features)


def auc_between_patients(train, tried, features) -> float:  # type: ignore[no-untyped-def]
    def table(sections):  # type: ignore[no-untyped-def]
        rows = np.array([features(patch) for patches, _ in sections for patch in patches])
        return rows, np.concatenate([labels for _, labels in sections])

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(*table(train))
    rows, labels = table(tried)
    return float(roc_auc_score(labels, model.decision_function(rows)))
