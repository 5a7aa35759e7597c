"""From a scene to pixels: densities of two stains, then light through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wsi_idc.phantom.glands import Filling
from wsi_idc.phantom.noise import FloatField, periodic_noise
from wsi_idc.phantom.nuclei import DIRECTIONS, MAX_LENGTH_UM, VARIANTS, nucleus_stamps
from wsi_idc.phantom.scene import Scene

Pixels = NDArray[np.uint8]

# Absorbance of the two stains in red, green and blue, unit length: near the mean vectors that
# stain estimation finds in H&E slides (Macenko et al. 2009, doi:10.1109/ISBI.2009.5193250).
_HAEMATOXYLIN = (0.57, 0.73, 0.38)
_EOSIN = (0.17, 0.86, 0.48)
# A hue shift moves absorbance from red to blue at about equal brightness.
_HUE = (-0.9, 0.0, 0.9)
_GLASS_NOISE = 1.6
GLASS = (244.0, 242.0, 245.0)
"""Grey levels of empty glass in red, green and blue."""

_DENSITY_OF = {
    # filling: (haematoxylin, eosin)
    Filling.EPITHELIUM: (0.26, 0.34),
    Filling.LUMEN: (0.02, 0.05),
    Filling.FAT: (0.015, 0.03),
}
_NEST_H, _NEST_E = 0.19, 0.38
_FIBRE_SIDE = 1024
_OUTLINE_RIM_PX = 3


class Painter:
    """Draws any rectangle of a scene at one µm/px; a rectangle's pixels depend on it alone.

    It keeps what all rectangles share: stamps, fibre texture, and the outlines in pixels.
    """

    def __init__(self, scene: Scene, mpp: float) -> None:
        self.scene = scene
        self.mpp = mpp
        self.width = round(scene.frame.width_um / mpp)
        self.height = round(scene.frame.height_um / mpp)
        rng = np.random.default_rng(7)
        # Fibres of a few microns, waves of about 20; finer pixels show a smaller piece of them.
        self.fibre_um = float(np.clip(mpp, 0.25, 1.0))
        fibres = periodic_noise(rng, _FIBRE_SIDE, self.fibre_um, 22.0, bandwidth=0.5, stretch=8.0)
        self.fibres = np.clip(fibres * 40 + 128, 0, 255).astype(np.uint8)
        self.grain = (rng.standard_normal((512, 512)) * _GLASS_NOISE).astype(np.float32)
        self.stamps = nucleus_stamps(mpp)
        nuclei = scene.nuclei
        self.nucleus_x = np.rint(nuclei.x / mpp).astype(np.int64)
        self.nucleus_y = np.rint(nuclei.y / mpp).astype(np.int64)
        self.nucleus_stamp = (
            nuclei.kind.astype(np.int64) * DIRECTIONS + nuclei.direction
        ) * VARIANTS + nuclei.variant
        self.outlines = [(outline.points / mpp) for outline in scene.outlines]
        self.fillings = [int(outline.filling) for outline in scene.outlines]
        corners = [np.concatenate([p.min(axis=0), p.max(axis=0)]) for p in self.outlines]
        self.boxes = np.array(corners).reshape(-1, 4)

    def draw(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Pixels of the rectangle from (x0, y0) on, uint8 RGB [height, width, 3]."""
        rectangle = (x0, y0, width, height)
        fields = self.scene.fields
        tissue: FloatField = self._enlarged(fields.tissue, rectangle)
        grain = self._grain(rectangle)
        if not (tissue > -1).any():
            return (np.array(GLASS, np.float32) + grain[..., None]).astype(np.uint8)
        h, e = self._ground(rectangle)
        self._fill_nests(h, e, rectangle)
        clear = self._fill_outlines(h, e, rectangle)
        stained: FloatField = np.zeros(h.shape, np.float32)
        self._stamp_nuclei(stained, rectangle)
        if clear is not None:
            stained[clear] = 0  # nothing floats in lumens and fat; walls cut nuclei to crescents
        # A nucleus holds little eosin and hides what lies under it.
        e *= 1 - np.float32(0.45) * np.minimum(stained, 1)
        np.maximum(h, stained, out=h)
        cover = np.clip(tissue * (self.scene.frame.cell_x / self.mpp / 3) + 0.5, 0, 1)
        h *= cover * self._enlarged(fields.stain_h, rectangle)
        e *= cover * self._enlarged(fields.stain_e, rectangle)
        return self._light(h, e, self._enlarged(fields.hue, rectangle), grain)

    def _enlarged(self, field: FloatField, rectangle: tuple[int, int, int, int]) -> FloatField:
        """The rectangle's part of a field that covers the whole slide, bilinear."""
        x0, y0, width, height = rectangle
        left, right = (x * field.shape[1] / self.width for x in (x0, x0 + width))
        top, bottom = (y * field.shape[0] / self.height for y in (y0, y0 + height))
        # Pillow copies what it is given: only the cells that the rectangle and its splines need.
        first_row, first_column = max(int(top) - 2, 0), max(int(left) - 2, 0)
        part = field[first_row : int(bottom) + 3, first_column : int(right) + 3]
        box = (left - first_column, top - first_row, right - first_column, bottom - first_row)
        picture = Image.fromarray(np.ascontiguousarray(part))
        enlarged = picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
        return np.array(enlarged, np.float32)

    def _ground(self, rectangle: tuple[int, int, int, int]) -> tuple[FloatField, FloatField]:
        """Densities of stroma: collagen fibres bent by the warp, and their haze."""
        x0, y0, width, height = rectangle
        fields = self.scene.fields
        scale = np.float32(1 / self.fibre_um)
        x = (np.arange(x0, x0 + width, dtype=np.float32) + 0.5) * np.float32(self.mpp)
        y = (np.arange(y0, y0 + height, dtype=np.float32) + 0.5) * np.float32(self.mpp)
        u = (self._enlarged(fields.warp_x, rectangle) + x) * scale
        v = (self._enlarged(fields.warp_y, rectangle) + y[:, None]) * scale
        column = u.astype(np.int32) & (_FIBRE_SIDE - 1)
        row = v.astype(np.int32) & (_FIBRE_SIDE - 1)
        fibres = self.fibres.ravel()[row * _FIBRE_SIDE + column].astype(np.float32)
        contrast = (fibres - 128) / 40 * self._enlarged(fields.fibre, rectangle)
        # Gaps between thick bundles: where the texture is lowest the section is torn open.
        ground = np.maximum(1 + contrast, 0.12)
        h = self._enlarged(fields.haematoxylin, rectangle) * ground
        e = self._enlarged(fields.eosin, rectangle) * ground
        return h, e

    def _fill_outlines(
        self, h: FloatField, e: FloatField, rectangle: tuple[int, int, int, int]
    ) -> NDArray[np.bool_] | None:
        """Draw glands and fat; return where they are clear, None where there are none."""
        x0, y0, width, height = rectangle
        left, top, right, bottom = self.boxes.T
        met = (right >= x0) & (left <= x0 + width) & (bottom >= y0) & (top <= y0 + height)
        if not met.any():
            return None
        # Pillow rounds outlines that cross its edge differently: keep the edge outside.
        rim = _OUTLINE_RIM_PX
        layer = Image.new("L", (width + 2 * rim, height + 2 * rim))
        pen = ImageDraw.Draw(layer)
        for index in np.flatnonzero(met):
            corners = self.outlines[index] - (x0 - rim, y0 - rim)
            pen.polygon(corners.ravel().tolist(), fill=self.fillings[index])
        code = np.asarray(layer)[rim:-rim, rim:-rim]
        for filling, (density_h, density_e) in _DENSITY_OF.items():
            filled = code == filling
            h[filled] = density_h
            e[filled] = density_e
        return code >= Filling.LUMEN

    def _fill_nests(
        self, h: FloatField, e: FloatField, rectangle: tuple[int, int, int, int]
    ) -> None:
        nests = self._enlarged(self.scene.fields.nests, rectangle)
        if not (nests > -0.5).any():
            return
        inside = np.clip(nests * 4 + 0.5, 0, 1)
        h += inside * (_NEST_H - h)
        e += inside * (_NEST_E - e)

    def _stamp_nuclei(self, stained: FloatField, rectangle: tuple[int, int, int, int]) -> None:
        x0, y0, width, height = rectangle
        reach = MAX_LENGTH_UM / self.mpp
        near = (self.nucleus_x >= x0 - reach) & (self.nucleus_x < x0 + width + reach)
        near &= (self.nucleus_y >= y0 - reach) & (self.nucleus_y < y0 + height + reach)
        places = zip(
            (self.nucleus_x[near] - x0).tolist(),
            (self.nucleus_y[near] - y0).tolist(),
            self.nucleus_stamp[near].tolist(),
            strict=True,
        )
        for x, y, index in places:
            stamp = self.stamps[index]
            half = len(stamp) // 2
            left, top = x - half, y - half
            right, bottom = x + half + 1, y + half + 1
            if left < 0 or top < 0 or right > width or bottom > height:
                stamp = stamp[
                    max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)
                ]
                left, top = max(left, 0), max(top, 0)
                if not stamp.size:
                    continue
            view = stained[top:bottom, left:right]
            np.maximum(view, stamp, out=view)

    def _grain(self, rectangle: tuple[int, int, int, int]) -> FloatField:
        x0, y0, width, height = rectangle
        side = len(self.grain)
        rows = np.arange(y0, y0 + height) % side
        columns = np.arange(x0, x0 + width) % side
        return self.grain[rows].take(columns, axis=1)

    def _light(self, h: FloatField, e: FloatField, hue: FloatField, grain: FloatField) -> Pixels:
        """Light through the densities (Beer-Lambert law), with the camera's noise."""
        shift = (h + e) * hue
        pixels = np.empty((*h.shape, 3), np.uint8)
        for channel in range(3):
            density = h * np.float32(-_HAEMATOXYLIN[channel])
            density -= e * np.float32(_EOSIN[channel])
            if _HUE[channel]:
                density -= shift * np.float32(_HUE[channel])
            light = np.exp(density, out=density)
            light *= np.float32(GLASS[channel])
            light += grain
            pixels[..., channel] = np.clip(light, 0, 255)
        return pixels
