"""What more patients would bring: a short training on a quarter, a half and all of them.

    python benchmarks/learning_curve.py PATCHES OUTPUT --split FILE [--epochs 2]

The same network, schedule and number of steps for each; the patients of a part are among those of
the next. Judged on the validation patients of the split, never on its test patients. Run again
after an interruption, it goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import wsi_idc
from wsi_idc.model.augmentation import VIEWS_AND_STAIN
from wsi_idc.model.card import ModelCard

SHARES = (0.25, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patches", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--split", type=Path, required=True, help="CSV with patient and split")
    parser.add_argument("--epochs", type=int, default=2, help="over all patients")
    options = parser.parse_args()
    split = pd.read_csv(options.split, dtype=str)
    training = np.random.default_rng(0).permutation(
        sorted(split[split["split"] == "train"].patient)
    )
    print("| training patients | patches | validation ROC AUC (95 %) | balanced accuracy |")
    print("| ---: | ---: | --- | --- |")
    for share in SHARES:
        chosen = training[: round(share * len(training))]
        folder = options.output / f"{len(chosen)}-patients"
        card = train(options.patches, folder, split, chosen, round(options.epochs / share))
        val = card.metrics["val"]
        told = [
            "{:.3f} ({:.3f}-{:.3f})".format(val[name], *val["intervals_95"][name])
            for name in ("roc_auc", "balanced_accuracy")
        ]
        patches = card.training_data.patches["train"]
        print(f"| {len(chosen)} | {patches:,} | {told[0]} | {told[1]} |", flush=True)


def train(
    patches: Path, folder: Path, split: pd.DataFrame, chosen: np.ndarray, epochs: int
) -> ModelCard:
    """Train on the chosen patients, with links to their patches and the validation patients'."""
    used = split[split["patient"].isin(chosen) | (split["split"] == "val")]
    part = folder.with_name(f"{folder.name}-patches")
    part.mkdir(parents=True, exist_ok=True)
    for patient in used["patient"]:
        source = next(patches.rglob(f"{patient}/[01]")).parent
        if not (part / patient).exists():
            (part / patient).symlink_to(source.resolve(), target_is_directory=True)
    listed = folder.with_name(f"{folder.name}-split.csv")
    used.to_csv(listed, index=False)
    settings = wsi_idc.TrainSettings(
        epochs=epochs, patience=epochs, weights="none", augmentation=VIEWS_AND_STAIN
    )
    return wsi_idc.train(part, folder, settings, split_file=listed, resume=True)


if __name__ == "__main__":
    main()
