"""Colours for probabilities laid over pink and purple tissue.

All but `turbo` are perceptually uniform: equal steps of probability look like equal steps of
colour, and lightness rises all the way, so they read in grey print and with any colour
vision. Every map spans probability 0 to 1, always: two slides can be compared by eye.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError

# name -> matplotlib's colour map and the part of it that is used.
_PARTS = {
    # viridis without its purple end, which is the colour of haematoxylin: half-transparent
    # blue, green and yellow are colours that H&E does not have.
    "blue-yellow": ("viridis", 0.25, 1.0),
    "viridis": ("viridis", 0.0, 1.0),
    "cividis": ("cividis", 0.0, 1.0),
    # without its ends, black and near-white, which over tissue look like shadow and glass.
    "inferno": ("inferno", 0.1, 0.95),
    "turbo": ("turbo", 0.0, 1.0),
}
COLORMAPS = tuple(_PARTS)
DEFAULT_COLORMAP = "blue-yellow"


def colour_table(name: str) -> NDArray[np.uint8]:
    """uint8 RGB [256, 3]: the colour of probability i / 255 in the colour map of that name.

    Raises
    ------
    SettingsError
        If there is no colour map of that name.
    """
    if name not in _PARTS:
        raise SettingsError(f"no colour map {name!r}; choose one of: {', '.join(COLORMAPS)}")
    source, low, high = _PARTS[name]
    rgba = matplotlib.colormaps[source](np.linspace(low, high, 256), bytes=True)
    table: NDArray[np.uint8] = np.ascontiguousarray(np.asarray(rgba)[:, :3], dtype=np.uint8)
    return table
