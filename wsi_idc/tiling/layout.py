"""Where what `tile` writes lies, and which names it may have.

Below the output folder::

    <patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png    patches with a label, format png
    <patient>/unlabelled/<slide>_x<X>_y<Y>.png          patches without one
    slides/<slide>/                                     all else about a slide
"""

from __future__ import annotations

import re
from pathlib import Path

from wsi_idc.errors import SettingsError
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan

SLIDES_FOLDER = "slides"
UNLABELLED_FOLDER = "unlabelled"

MANIFEST_FILE = "manifest.json"
INDEX_ENDING = "_patches.csv"
H5_ENDING = "_patches.h5"
TFRECORD_ENDING = "_patches.tfrecord"
FEATURES_ENDING = "_features.json"

PATCHES_FORMAT = "wsi-idc patches 1"
"""What a manifest, and a file of patches, says it is."""

# Collections travel between computers: what one of them cannot name, none of them may.
_NO_FOLDER_HOLDS = re.compile(r'[<>:"|?*/\\]')
# Of a name that is no UTF-8 Python has what stands for its bytes; XML cannot hold the others.
_NO_TEXT_HOLDS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])\s*(\..*)?", re.IGNORECASE)


def slide_folder(output: Path, name: str) -> Path:
    """Where the files about one slide lie, other than patches that are files of their own."""
    return output / SLIDES_FOLDER / name


def index_path(output: Path, name: str) -> Path:
    """Where the index of one slide's patches lies."""
    return slide_folder(output, name) / f"{name}{INDEX_ENDING}"


def manifest_path(output: Path, name: str) -> Path:
    """Where the manifest of one slide lies, which says that all else is written."""
    return slide_folder(output, name) / MANIFEST_FILE


def patch_name(slide: str, x: int, y: int, label: int) -> str:
    """File name of a patch as the public IDC data has it; without its end where no label is.

    Parameters
    ----------
    slide : the slide's name.
    x, y : the patch's top-left target pixel, counted from 1.
    label : 1, 0, or `NO_LABEL`.
    """
    ending = "" if label == NO_LABEL else f"_class{label}"
    return f"{slide}_x{x}_y{y}{ending}.png"


def patch_files(plan: PatchPlan, name: str, patient: str) -> list[str]:
    """Files of the N patches of a plan, relative to the output folder, with forward slashes."""
    return [
        f"{patient}/{UNLABELLED_FOLDER if label == NO_LABEL else label}/"
        + patch_name(name, x, y, label)
        for x, y, label in zip(plan.x_name, plan.y_name, plan.label, strict=True)
    ]


def check_text_name(name: str, what: str) -> None:
    """Refuse a name that files of results cannot hold as text.

    Raises
    ------
    SettingsError
        If it holds control characters, or bytes that are no UTF-8.
    """
    if _NO_TEXT_HOLDS.search(name):
        raise SettingsError(
            f"{what} {name!r} holds control characters or bytes that are no UTF-8, which files of "
            "results cannot hold; rename it"
        )


def check_folder_name(name: str, what: str) -> None:
    """Refuse a slide or patient name that cannot be a folder below the output on any system.

    Raises
    ------
    SettingsError
        If it is empty, starts with a dot, ends with a dot or a space, holds a path separator,
        a control character, bytes that are no UTF-8 or one of ``<>:"|?*``, is a device on Windows
        (`con`, `nul`, `com1`, also with an ending) or is `slides`, in capitals or not.
    """
    if (
        not name
        or name.startswith(".")
        or name.endswith((".", " "))
        or name.casefold() == SLIDES_FOLDER
        or _NO_FOLDER_HOLDS.search(name)
        or _NO_TEXT_HOLDS.search(name)
        or _DEVICE.fullmatch(name)
    ):
        raise SettingsError(
            f"{what} {name!r} cannot name a folder of patches on every system; it must not be "
            "empty, start with a dot, end with a dot or a space, hold control characters, bytes "
            'that are no UTF-8 or any of < > : " | ? * / \\, '
            f"be {SLIDES_FOLDER!r} or a device such as 'con' or 'com1'; "
            "rename it, or name another patient with --patients"
        )
