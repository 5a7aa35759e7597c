"""How well each method finds tissue: Dice on made slides, one row a difficulty.

Each case is drawn from several seeds; what stands in the table is the worst of them. Pictures
are taken at 16 µm/px, as `tile` and `heatmap` do for patches of 400 µm, and judged at 8. Then
the time that the mask of a slide of 100,000 x 80,000 px takes, from its small picture on. Run it
from the repository's root with::

    python benchmarks/tissue.py

``--picture FILE`` draws the cases with the masks of the default method, as in docs/tissue.md.
``--patches FOLDER`` also states how many real patches (PNG files, 8 µm/px, all of them tissue by
definition) each method keeps.

Exit status 1: the default method's Dice is below 0.95 on a plain case or 0.9 with an artefact.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from wsi_idc.phantom.tissue_cases import CASES, MPP, TissueCase, tissue_case
from wsi_idc.tissue import DEFAULT_TISSUE, METHODS, TissueSettings, segment_tissue

REDUCTION = 2
LEAST_PLAIN, LEAST_ARTEFACT = 0.95, 0.9
LARGE = (1250, 1563)  # 100,000 x 80,000 px of 0.25 µm at 16 µm/px
EVERY = 6


def reduced(pixels: np.ndarray, step: int) -> np.ndarray:
    rows, columns = (side // step * step for side in pixels.shape[:2])
    blocks = pixels[:rows, :columns].reshape(rows // step, step, columns // step, step, 3)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


def mask_of(case: TissueCase, method: str) -> np.ndarray:
    """The case's mask at 16 µm/px, enlarged to the case's own pixels."""
    settings = TissueSettings(method=method)
    mask = segment_tissue(reduced(case.pixels, REDUCTION), MPP * REDUCTION, settings=settings)
    return np.kron(mask, np.ones((REDUCTION, REDUCTION), bool))


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    truth = truth[: mask.shape[0], : mask.shape[1]]
    return 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))


def large_slide_cost() -> tuple[float, float]:
    """Best processor seconds of three and peak MB of the mask of a large slide's picture."""
    case = reduced(tissue_case("plain").pixels, REDUCTION)
    tiles = [-(-side // part) for side, part in zip(LARGE, case.shape, strict=False)]
    picture = np.tile(case, (*tiles, 1))[: LARGE[0], : LARGE[1]]
    seconds = []
    for _ in range(3):
        start = time.process_time()
        segment_tissue(picture, 16.0)
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    segment_tissue(picture, 16.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), peak / 1e6


def share_kept(folder: Path, method: str) -> tuple[int, float]:
    """Real patches looked at, and the share with at least 15 % tissue, each alone on glass."""
    settings = TissueSettings(method=method)
    kept = []
    for path in sorted(folder.rglob("*.png"))[::EVERY]:
        patch = np.asarray(Image.open(path).convert("RGB"))
        if patch.shape != (50, 50, 3):
            continue
        field = np.full((100, 100, 3), 242, np.uint8)
        field[26:76, 26:76] = patch
        mask = segment_tissue(reduced(field, REDUCTION), MPP * REDUCTION, settings=settings)
        kept.append(mask[13:38, 13:38].mean() >= 0.15)
    return len(kept), float(np.mean(kept))


def draw_cases(path: Path, columns: int = 6) -> None:
    """All cases with their masks: glass darkened, the truth's outline in yellow."""
    pictures = []
    for name in CASES:
        case = tissue_case(name)
        mask = mask_of(case, DEFAULT_TISSUE.method)
        pixels = case.pixels[: mask.shape[0], : mask.shape[1]].copy()
        truth = case.tissue[: mask.shape[0], : mask.shape[1]]
        pixels[~mask] = pixels[~mask] * 0.55
        edge = mask & ~ndimage.binary_erosion(mask, iterations=5, border_value=1)
        pixels[edge] = (0, 130, 70)
        line = truth & ~ndimage.binary_erosion(truth, iterations=3, border_value=1)
        pixels[line] = (255, 220, 0)
        picture = Image.fromarray(pixels)
        picture.thumbnail((280, 280), Image.Resampling.LANCZOS)
        framed = Image.new("RGB", (picture.width + 8, picture.height + 24), "white")
        framed.paste(picture, (4, 20))
        label = f"{name}: Dice {dice(mask, case.tissue):.3f}"
        ImageDraw.Draw(framed).text((5, 3), label, fill="black", font_size=14)
        pictures.append(framed)
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * width, index // columns * height))
    colours = sheet.quantize(128, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="sections drawn for each case")
    parser.add_argument("--picture", type=Path, help="draw the cases here (PNG)")
    parser.add_argument("--patches", type=Path, help="a folder of real patches")
    options = parser.parse_args()
    methods = list(METHODS)
    print("| case | " + " | ".join(methods) + " |")
    print("| --- |" + " ---: |" * len(methods))
    short = []
    for name in CASES:
        cases = [tissue_case(name, seed) for seed in range(options.seeds)]
        worst = {m: min(dice(mask_of(case, m), case.tissue) for case in cases) for m in methods}
        print(f"| {name} | " + " | ".join(f"{worst[method]:.3f}" for method in methods) + " |")
        least = LEAST_ARTEFACT if cases[0].is_artefact else LEAST_PLAIN
        if worst[DEFAULT_TISSUE.method] < least:
            short.append(f"{name} ({worst[DEFAULT_TISSUE.method]:.3f}, wanted {least})")
    seconds, megabytes = large_slide_cost()
    print("\nmask of a 100,000 x 80,000 px slide, from its small picture: ", end="")
    print(f"{seconds:.2f} s of one processor, {megabytes:.0f} MB")
    if options.patches:
        for method in ("hed", "otsu"):
            count, share = share_kept(options.patches, method)
            print(f"{method} keeps {share:.1%} of {count:,} real patches, each alone on glass")
    if options.picture:
        draw_cases(options.picture)
    if short:
        print(f"\n{DEFAULT_TISSUE.method} falls short on: " + ", ".join(short))
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
