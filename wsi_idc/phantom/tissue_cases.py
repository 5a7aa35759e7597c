"""Small pictures of slides with known tissue, and of all that is mistaken for it.

Each case is a drawn section under one difficulty: ink of a pen, a shadow, faint stain and so
on. Light is taken away as glass, ink and dirt do it (Beer-Lambert), the camera's JPEG comes
last. They judge tissue masks: `benchmarks/tissue.py`, and the tests.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from wsi_idc.phantom.drawing import GLASS, Painter
from wsi_idc.phantom.glands import fat_cells
from wsi_idc.phantom.noise import FloatField, fractal_noise
from wsi_idc.phantom.scene import make_scene

MPP = 8.0
"""Microns per pixel of the pictures: a pixel of the public patches."""

_DRAWN_MPP = 4.0
_WIDTH_UM, _HEIGHT_UM = 7200.0, 5600.0
_GLASS = np.array(GLASS, np.float32)
_JPEG_QUALITY = 85

# Ink of felt pens: natural-log optical density in red, green and blue at full strength.
_BLUE, _GREEN = (2.1, 1.4, 0.25), (1.9, 0.55, 1.1)
_RED, _BLACK = (0.08, 2.0, 1.75), (1.75, 1.8, 1.75)


@dataclass(frozen=True, eq=False)
class TissueCase:
    """A picture and where its tissue is.

    Attributes
    ----------
    name : what is difficult in it.
    is_artefact : whether something lies in it that is no tissue and no glass.
    pixels : uint8 RGB [height, width, 3], `MPP` microns per pixel.
    tissue : bool [height, width].
    """

    name: str
    is_artefact: bool
    pixels: NDArray[np.uint8]
    tissue: NDArray[np.bool_]


@dataclass
class _Canvas:
    """A picture in the making: what passes each pixel, 0 to 1 a channel, and the truth."""

    light: FloatField  # [height, width, 3]
    tissue: NDArray[np.bool_]
    rng: np.random.Generator
    glass: NDArray[np.float32]
    quality: int = _JPEG_QUALITY

    def absorb(self, strength: FloatField, density: tuple[float, float, float]) -> None:
        """Lay something over the slide, `strength` 0 to 1 at each pixel."""
        self.light *= np.exp(-strength[..., None] * np.array(density, np.float32))

    def noise(self, wavelength_um: float) -> FloatField:
        return fractal_noise(self.rng, self.tissue.shape, MPP, wavelength_um, 2)

    def shape(self, draw: Callable[[ImageDraw.ImageDraw], None], blur_um: float) -> FloatField:
        """What `draw` draws in white, in microns/`MPP`, with soft edges."""
        layer = Image.new("L", self.tissue.shape[::-1])
        draw(ImageDraw.Draw(layer))
        return np.asarray(
            ndimage.gaussian_filter(np.asarray(layer, np.float32) / 255, blur_um / MPP)
        )


def _plain(canvas: _Canvas) -> None:
    """Nothing but the section."""


def _faint(canvas: _Canvas) -> None:
    canvas.light **= 0.3


def _dark(canvas: _Canvas) -> None:
    canvas.light **= 2.2


def _tinted(canvas: _Canvas) -> None:
    canvas.glass = canvas.glass * np.array([0.97, 0.93, 0.83], np.float32)


def _dim(canvas: _Canvas) -> None:
    canvas.glass = canvas.glass * np.float32(0.8)


def _compressed(canvas: _Canvas) -> None:
    canvas.quality = 25


def _noisy(canvas: _Canvas) -> None:
    canvas.light += canvas.rng.normal(0, 0.03, canvas.light.shape).astype(np.float32)


def _pen(density: tuple[float, float, float], canvas: _Canvas) -> None:
    """A line 0.7 mm wide along the section and over its edge, uneven as felt pens are."""
    height, width = canvas.tissue.shape
    track = [(0.02, 0.25), (0.12, 0.05), (0.5, 0.04), (0.93, 0.12), (0.97, 0.6), (0.6, 0.97)]
    points = [(x * width, y * height) for x, y in track]
    stroke = canvas.shape(
        lambda pen: pen.line(points, fill=255, width=round(700 / MPP), joint="curve"), 12
    )
    canvas.tissue &= stroke < 0.5
    uneven = 0.75 + 0.1 * canvas.noise(400)
    canvas.absorb(stroke * uneven.clip(0.45, 1.1), density)


def _inked_margin(canvas: _Canvas) -> None:
    """Blue ink painted on the specimen before it was cut: a thin line, and on tissue."""
    depth = ndimage.distance_transform_edt(canvas.tissue) * MPP
    canvas.absorb(((depth > 0) & (depth < 60)).astype(np.float32), _BLUE)


def _shadow(canvas: _Canvas) -> None:
    """A cover slip's edge: a dark line and the grey band of its shadow and glue."""
    width = canvas.tissue.shape[1]
    x = np.arange(width, dtype=np.float32)[None, :] * MPP + 60 * canvas.noise(3000)
    band = np.clip((900 - x) / 250, 0, 1) * (0.8 + 0.2 * canvas.noise(300))
    canvas.absorb(band.astype(np.float32), (0.5, 0.5, 0.52))
    canvas.absorb(np.exp(-(((x - 940) / 15) ** 2)).astype(np.float32), (1.2, 1.2, 1.2))


def _bubble(canvas: _Canvas) -> None:
    """Air under the cover slip: a dark rim with the colours that refraction gives it."""
    height, width = canvas.tissue.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) * np.float32(MPP)
    away = np.hypot(x - 1300, y - 1200) + 40 * canvas.noise(1500)
    for offset, density in ((-8, (0.9, 1.0, 1.1)), (0, (1.2,) * 3), (8, (1.1, 1.0, 0.9))):
        canvas.absorb(np.exp(-(((away - 1000 - offset) / 14) ** 2)), density)
    canvas.absorb((away < 1000).astype(np.float32), (0.05, 0.05, 0.05))


def _black_border(canvas: _Canvas) -> None:
    """What the scanner never saw, black and with JPEG's colours at its edge."""
    height, width = canvas.tissue.shape
    canvas.light[: height // 12] = 0.01
    canvas.light[:, -width // 10 :] = 0.01
    canvas.tissue[: height // 12] = False
    canvas.tissue[:, -width // 10 :] = False


def _dust(canvas: _Canvas) -> None:
    """Specks and fibres, 20 to 120 µm."""
    height, width = canvas.tissue.shape

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(150):
            x, y = canvas.rng.uniform(0, width), canvas.rng.uniform(0, height)
            size = canvas.rng.uniform(10, 60) / MPP
            pen.ellipse((x - size, y - size, x + size, y + size), fill=255)
        for _ in range(12):
            x, y = canvas.rng.uniform(0, width), canvas.rng.uniform(0, height)
            dx, dy = canvas.rng.normal(0, 400 / MPP, 2)
            pen.line((x, y, x + dx, y + dy), fill=200, width=1)

    strength = canvas.shape(draw, 4)
    strength[canvas.tissue] = 0
    canvas.absorb(strength, (1.0, 1.15, 1.3))


def _debris(canvas: _Canvas) -> None:
    """Dirt on top of the cover slip, out of focus: purple-grey blots without an edge."""
    height, width = canvas.tissue.shape
    corners = [(0.05, 0.08), (0.95, 0.06), (0.05, 0.93), (0.96, 0.94)]

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for u, v in corners:
            size = canvas.rng.uniform(120, 220) / MPP
            x, y = u * width, v * height
            pen.ellipse((x - size, y - 0.7 * size, x + size, y + 0.7 * size), fill=255)

    canvas.absorb(canvas.shape(draw, 110), (0.65, 0.9, 0.55))


_CASES: dict[str, tuple[bool, Callable[[_Canvas], None]]] = {
    "plain": (False, _plain),
    "faint stain": (False, _faint),
    "dark stain": (False, _dark),
    "fields of fat": (False, _plain),
    "tinted glass": (False, _tinted),
    "dim glass": (False, _dim),
    "strong JPEG": (False, _compressed),
    "camera noise": (False, _noisy),
    "pen, blue": (True, functools.partial(_pen, _BLUE)),
    "pen, green": (True, functools.partial(_pen, _GREEN)),
    "pen, black": (True, functools.partial(_pen, _BLACK)),
    "pen, red": (True, functools.partial(_pen, _RED)),
    "inked margin": (True, _inked_margin),
    "cover slip": (True, _shadow),
    "air bubble": (True, _bubble),
    "black border": (True, _black_border),
    "dust": (True, _dust),
    "debris out of focus": (True, _debris),
}

CASES = tuple(_CASES)
"""Names of all cases."""


def tissue_case(name: str, seed: int = 0) -> TissueCase:
    """Draw a case; the same name and seed give the same pixels."""
    is_artefact, change = _CASES[name]
    light, tissue = _section(seed, name == "fields of fat")
    rng = np.random.default_rng([seed, CASES.index(name)])
    canvas = _Canvas(light.copy(), tissue.copy(), rng, _GLASS)
    change(canvas)
    pixels = np.clip(canvas.light * canvas.glass, 0, 255).astype(np.uint8)
    return TissueCase(name, is_artefact, _as_jpeg(pixels, canvas.quality), canvas.tissue)


@functools.lru_cache(maxsize=4)
def _section(seed: int, fat: bool) -> tuple[FloatField, NDArray[np.bool_]]:
    """A section's light at `MPP`, 0 to about 1, and its tissue."""
    scene = make_scene(_WIDTH_UM, _HEIGHT_UM, seed, 1.0)
    tissue = np.asarray(scene.fields.tissue > 0)
    if fat:
        # The left half of the section, 40 µm short of its edge: a single field of some 10 mm².
        inner = ndimage.distance_transform_edt(tissue) * MPP > 40
        field = (inner & (np.arange(tissue.shape[1]) < 0.5 * tissue.shape[1])).astype(np.float32)
        frame = scene.frame
        cells = fat_cells(
            np.random.default_rng(seed),
            _WIDTH_UM,
            _HEIGHT_UM,
            lambda x, y: np.asarray(frame.at(field, x, y) > 0.5),
        )
        scene = replace(scene, outlines=[*scene.outlines, *cells])
    painter = Painter(scene, _DRAWN_MPP)
    drawn = painter.draw(0, 0, painter.width, painter.height).astype(np.float32)
    step = round(MPP / _DRAWN_MPP)
    rows, columns = tissue.shape
    seen = drawn.reshape(rows, step, columns, step, 3).mean((1, 3))
    return np.asarray(seen / _GLASS, np.float32), tissue


def _as_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)
