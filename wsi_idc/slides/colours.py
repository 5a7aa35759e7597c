"""Colour profiles: pixels of a slide as sRGB, where that is asked for.

Scanners and viewers treat profiles differently, and the public IDC patches were cut without
regard to them, so by default pixels are what the file holds. Conversion is relative
colorimetric: white stays white, so glass stays glass, and no tone mapping of a profile's maker
comes in. It is done on target pixels, after averaging: the levels of a pyramid are averages
of unconverted pixels, and the same colours must come out of each of them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from wsi_idc.errors import SlideReadError
from wsi_idc.privacy import known_profile, reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class ToSrgb:
    """Converts pixels from the colours of a profile to sRGB.

    Parameters
    ----------
    path : the slide, for messages.
    profile : the bytes of its ICC profile.

    Raises
    ------
    SlideReadError
        If the profile is damaged, or for other than RGB pixels.
    """

    def __init__(self, path: Path, profile: bytes) -> None:
        from PIL import ImageCms

        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = own.profile.xcolor_space.strip()
            if space != "RGB":
                raise SlideReadError(
                    f"{path}: its ICC profile is for {space} colours, not RGB; leave out --icc"
                )
            self._transform = ImageCms.buildTransform(
                own,
                ImageCms.createProfile("sRGB"),
                "RGB",
                "RGB",
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            )
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            if isinstance(error, SlideReadError):
                raise
            raise SlideReadError(
                f"{path}: its ICC profile cannot be used ({reason_of(error)}); leave out --icc"
            ) from error

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Convert uint8 RGB [height, width, 3]."""
        converted = self._transform.apply(Image.fromarray(np.ascontiguousarray(pixels)))
        return np.array(converted)


def profile_name(profile: bytes) -> str | None:
    """What a profile calls itself, or None where that is none of the known names.

    Others may tell a scanner or its owner.
    """
    from PIL import ImageCms

    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return known_profile(" ".join(name.split()))
