"""Map a slide with a trained model from Python, and look at the numbers.

    python examples/map_a_slide.py SLIDE MODEL OUTPUT

Try it on what the demo made:

    python examples/map_a_slide.py demo/slides/phantom-1.tif demo/phantom-model demo/example
"""

import sys
from pathlib import Path

import wsi_idc


def main(slide: str, model: str, output: str) -> None:
    """Score the slide, write its result folder and print the areas."""
    scorer = wsi_idc.load_model(model)
    source = wsi_idc.SlideSource(Path(slide))
    result = wsi_idc.predict_slide(source, scorer, Path(output) / Path(slide).stem)
    summary = result.summary
    print(f"{result.name}: {result.patches} patches of {summary.tissue_mm2:.1f} mm² tissue")
    print(f"IDC at probability >= {summary.threshold:.2f}: {summary.positive_mm2:.1f} mm²")
    print(f"the map: {result.probability.values.shape} cells, at {Path(output) / result.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
