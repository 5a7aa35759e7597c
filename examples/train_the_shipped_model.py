"""Train the model that comes with the package again, from the public IDC patches.

    python examples/train_the_shipped_model.py PUBLIC_PATCHES OUTPUT

PUBLIC_PATCHES is the unpacked public set ("Breast Histopathology Images"); the patches that the
model was trained and validated on are listed in docs/model-patches.txt.gz and taken from it.
Two rounds of eight epochs and one of twelve at an enlarged input, two to four hours on two free
CPU cores; run again after an interruption, it goes on. Weights differ in detail from run to run
and machine to machine.
"""

import gzip
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

import wsi_idc
from wsi_idc.model.architecture import Architecture
from wsi_idc.model.augmentation import VIEWS_AND_STAIN

LIST = Path(__file__).parent.parent / "docs" / "model-patches.txt.gz"


def main(public: str, output: str) -> None:
    """Pick the listed patches and train all rounds."""
    with gzip.open(LIST, "rt", encoding="utf-8") as file:
        listed = pd.read_csv(file, sep=" ")
    chosen, split = Path(output) / "patches", Path(output) / "split.csv"
    pick(Path(public), listed["file"], chosen)
    patients = listed["file"].str.split("_").str[0].rename("patient")
    pd.concat([patients, listed["split"]], axis=1).drop_duplicates().to_csv(split, index=False)
    names = ("first-round", "second-round", "idc-resnet50v2")
    first, second, last = (Path(output) / name for name in names)
    from_patches = wsi_idc.TrainSettings(epochs=8, weights="none", augmentation=VIEWS_AND_STAIN)
    stronger = wsi_idc.TrainSettings(
        epochs=8, weights=str(first), learning_rate=5e-4, warmup_epochs=0.25
    )
    enlarged = replace(
        stronger,
        epochs=12,
        patience=12,
        weights=str(second),
        average_decay=0.998,
        architecture=Architecture(input_size=64),
    )
    for folder, settings in ((first, from_patches), (second, stronger), (last, enlarged)):
        wsi_idc.train(chosen, folder, settings, split_file=split, resume=True, say=print)
    print(f"the model: {last}; judge it with `wsi-idc evaluate {last} PATCHES`")


def pick(public: Path, names: "pd.Series[str]", chosen: Path) -> None:
    """Copy the listed patches into a folder of their own, in the public layout."""
    found = {path.name: path for path in public.rglob("*_class[01].png")}
    if missing := [name for name in names if name not in found]:
        sys.exit(f"{len(missing)} of {len(names)} patches are not in {public}: {missing[0]}, …")
    for name in names:
        target = chosen / name.split("_")[0] / name[-5] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(found[name], target)


if __name__ == "__main__":
    main(*sys.argv[1:])
