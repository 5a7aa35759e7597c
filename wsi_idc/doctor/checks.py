"""One function a thing that can be wrong with an installation.

A check gives its findings; where it ends in an exception, `examine` makes a problem of it.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from wsi_idc.doctor.findings import Finding, State
from wsi_idc.fresh_process import usable_processors

REINSTALL = "pip install --force-reinstall wsi-idc"
READER_NAMES = ("direct", "openslide", "tiff", "image", "fastslide")
"""Of `slides.opening.READERS`, which a test compares; importing it would cost what is checked."""

_LEAST_MEMORY_GB, _LEAST_DISK_GB = 4, 5
_RATE_PATCHES = 128
# A grey level or so is what JPEG costs a flat colour.
_FLAT, _TOLERANCE = (214, 138, 187), 4
_SAMPLE = "Ä乳腺"


def check_machine(_: Path) -> list[Finding]:
    """Python, processor cores and memory."""
    told = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    wide = sys.maxsize > 2**32
    findings = [
        Finding(State.OK, "machine", told)
        if wide
        else Finding(State.PROBLEM, "machine", f"{told}, 32 bits", "install a 64-bit Python")
    ]
    cores, memory = usable_processors(), memory_gb()
    if memory is None:
        return [*findings, Finding(State.OK, "cores", f"{cores}")]
    told = f"{cores}, and {memory:.0f} GB of memory"
    if memory >= _LEAST_MEMORY_GB:
        return [*findings, Finding(State.OK, "cores", told)]
    remedy = "map one slide at a time with --batch-size 16, and train elsewhere"
    return [*findings, Finding(State.NOTE, "cores", told, remedy)]


def check_packages(_: Path) -> list[Finding]:
    """Whether every package that wsi-idc asks for is there, in a version that will do."""
    from packaging.requirements import Requirement

    wrong, count = [], 0
    for line in metadata.requires("wsi-idc") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if wrong:
        return [Finding(State.PROBLEM, "packages", "; ".join(wrong), REINSTALL)]
    return [Finding(State.OK, "packages", f"all {count} there, in versions that will do")]


def check_reader(name: str, _: Path) -> list[Finding]:
    """Whether a reader reads a made slide rightly."""
    import numpy as np

    from wsi_idc.phantom import write_slide_from_array
    from wsi_idc.slides import open_slide

    about = f"reader {name}"
    if name == "fastslide" and not _is_installed("fastslide"):
        return [Finding(State.OK, about, "not installed (an extra, and not needed)")]
    with tempfile.TemporaryDirectory(prefix="wsi-idc-doctor-") as folder:
        flat = np.full((1024, 1024, 3), _FLAT, np.uint8)
        if name == "image":
            from PIL import Image

            file = Path(folder) / "picture.png"
            Image.fromarray(flat).save(file)
        else:
            file = Path(folder) / "slide.svs"
            write_slide_from_array(file, flat, mpp=0.5, downsamples=(1, 4))
        with open_slide(file, reader=name, slide_mpp=0.5) as slide:
            got = slide.read(0, 0, (100, 100), 4.0).astype(int)
    off = int(np.abs(got - _FLAT).max())
    if off <= _TOLERANCE:
        return [Finding(State.OK, about, "reads a made slide rightly")]
    told = f"reads a made slide wrongly, by {off} grey levels"
    return [Finding(State.PROBLEM, about, told, REINSTALL)]


def check_tensorflow(_: Path) -> list[Finding]:
    """Whether TensorFlow starts, and whether it finds the GPU that the machine has."""
    from wsi_idc.model.runtime import load_tensorflow, multiplies_bfloat16, sees_gpu

    began = time.perf_counter()
    tf = load_tensorflow()
    seconds = time.perf_counter() - began
    started = Finding(State.OK, "TensorFlow", f"{tf.__version__}, started in {seconds:.1f} s")
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        names = (
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in gpus
        )
        return [started, Finding(State.OK, "GPU", ", ".join(names))]
    if sees_gpu():
        return [
            started,
            Finding(
                State.NOTE,
                "GPU",
                "the machine has one that TensorFlow does not find; all is done on the CPU",
                'pip install "wsi-idc[gpu]" (Linux, or WSL on Windows), and check its driver',
            ),
        ]
    native = "with" if multiplies_bfloat16() else "without"
    return [started, Finding(State.OK, "GPU", f"none; a CPU {native} native bfloat16")]


def check_openvino(_: Path) -> list[Finding]:
    """Whether OpenVINO, where it is installed, starts."""
    if not _is_installed("openvino"):
        told = "not installed (an extra); without a GPU, heatmaps start sooner with it"
        return [Finding(State.OK, "OpenVINO", told, 'pip install "wsi-idc[openvino]"')]
    from wsi_idc.model.runtime import load_openvino

    return [Finding(State.OK, "OpenVINO", load_openvino().__version__.split("-")[0])]


def check_model(_: Path) -> list[Finding]:
    """Whether the model in the package is whole, and scores; at what rate."""
    import numpy as np

    from wsi_idc.model.scorer import load_model

    scorer = load_model()  # refuses weights of another hash
    findings = [Finding(State.OK, "model", f"{scorer.card.name}, and its weights are whole")]
    glass = np.full((_RATE_PATCHES, *[scorer.card.patch_size_pixels] * 2, 3), 243, np.uint8)
    scorer.predict(glass[: scorer.batch_size])
    began = time.perf_counter()
    scores = scorer.predict(glass)
    rate = len(glass) / (time.perf_counter() - began)
    told = f"{rate:.0f} patches/s, by {scorer.runtime}"
    if (scores >= scorer.card.threshold).any():
        told = f"empty glass has an IDC probability of {scores.max():.2f}"
        return [*findings, Finding(State.PROBLEM, "scoring", told, REINSTALL)]
    return [*findings, Finding(State.OK, "scoring", told)]


def check_fonts(_: Path) -> list[Finding]:
    """Whether pictures can be lettered, also with slide names in Chinese, Japanese or Korean."""
    from wsi_idc.drawing.lettering import GAP, REGULAR, letter_runs

    text = "".join(run for _, run in letter_runs(_SAMPLE, REGULAR))
    if GAP not in text:
        return [Finding(State.OK, "fonts", "there for Latin and for Chinese names of slides")]
    told = "none for Chinese, Japanese or Korean; such letters are drawn as …"
    return [Finding(State.NOTE, "fonts", told, "install a font such as Noto Sans CJK")]


def check_places(output: Path) -> list[Finding]:
    """Whether results can be written and moved into place, and how much room there is."""
    from wsi_idc.files import whole_file

    findings = []
    for about, folder in (
        ("output folder", output),
        ("temporary files", Path(tempfile.gettempdir())),
    ):
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        name = f".wsi-idc-doctor-{os.getpid()}"
        with whole_file(there / name) as file:
            file.write_bytes(b"a")
        (there / name).unlink()
        free = shutil.disk_usage(there).free / 1e9
        named = "the current folder" if folder == Path() else folder
        told = f"{named} can be written; {free:,.0f} GB free"
        if free >= _LEAST_DISK_GB:
            findings.append(Finding(State.OK, about, told))
        else:
            findings.append(Finding(State.NOTE, about, told, "make room before a long run"))
    return findings


CHECKS: tuple[Callable[[Path], list[Finding]], ...] = (
    check_machine,
    check_packages,
    *(partial(check_reader, name) for name in READER_NAMES),
    check_tensorflow,
    check_openvino,
    check_model,
    check_fonts,
    check_places,
)
"""In the order in which they are told. Each takes the folder that results will go to."""


def memory_gb() -> float | None:
    """The machine's memory; None where it cannot be told, as on Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
