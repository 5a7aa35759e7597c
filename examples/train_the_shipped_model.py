"""Train the model that comes with the package again, from the public IDC patches.

    pip install "wsi-idc" torch
    python examples/train_the_shipped_model.py PUBLIC_PATCHES OUTPUT

PUBLIC_PATCHES is the unpacked public set ("Breast Histopathology Images"); the patches that the
model was trained and validated on are listed in docs/model-patches.txt.gz and taken from it.
Needs a GPU for which PyTorch has a build: eight minutes on one NVIDIA H200. Four networks are
trained from random weights, then a fifth on the mean of the drawn labels and of what those four
agree on; it is calibrated, judged and written as a model folder by the package itself. Weights
differ in detail from run to run and machine to machine.
"""

import gzip
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from gpu_training.loop import (
    BATCH,
    LEARNING_RATE,
    WARMUP,
    WEIGHT_DECAY,
    Patches,
    Run,
    patches_of,
    predict,
    train,
)
from gpu_training.network import Network, to_keras
from safetensors.numpy import save_file
from scipy.special import expit, logit

import wsi_idc
from wsi_idc.model.architecture import Architecture, build_model
from wsi_idc.model.augmentation import STRONG_AUGMENTATION, Augmentation
from wsi_idc.model.data import Side, load_side
from wsi_idc.model.finishing import finish
from wsi_idc.model.folder import read_weights, write_card
from wsi_idc.model.training import TrainedRun
from wsi_idc.patches import PUBLIC_MPP, find_patches
from wsi_idc.split_file import read_split, write_split
from wsi_idc.splits import Split

LIST = Path(__file__).parent.parent / "docs" / "model-patches.txt.gz"

TEACHERS = (
    Run("teacher 1", 60, seed=0, augmentation=replace(Augmentation(), jpeg_share=0.0), mix=0.5),
    Run("teacher 2", 60, seed=0, augmentation=STRONG_AUGMENTATION),
    Run("teacher 3", 60, seed=0, augmentation=STRONG_AUGMENTATION, input_size=80),
    Run(
        "teacher 4",
        175,
        seed=1,
        augmentation=STRONG_AUGMENTATION,
        averaged_epochs=8.0,
        judged_every=10,
    ),
)
STUDENT = Run(
    "student",
    182,
    seed=2,
    augmentation=STRONG_AUGMENTATION,
    label_smoothing=0.0,  # the teachers' doubts smooth enough
    averaged_epochs=8.0,
    judged_every=10,
)
DRAWN_SHARE = 0.5
"""Of the drawn label in what the student is taught; the teachers' mean is the rest."""


def main(public: str, output: str) -> None:
    """Pick the listed patches, train, and write the model folder."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        print("PyTorch sees no GPU: this will take days")
    torch.backends.cudnn.benchmark = True
    with gzip.open(LIST, "rt", encoding="utf-8") as file:
        listed = pd.read_csv(file, sep=" ")
    chosen, split_file = Path(output) / "patches", Path(output) / "split.csv"
    pick(Path(public), listed["file"], chosen)
    patients = listed["file"].str.split("_").str[0].rename("patient")
    pd.concat([patients, listed["split"]], axis=1).drop_duplicates().to_csv(split_file, index=False)
    collection = find_patches(chosen)
    split, _ = read_split(split_file, collection.table)
    rows = {side: split.rows(collection.table, side) for side in ("train", "val")}
    settings = settings_of(STUDENT, len(rows["train"]))
    sides = {
        side: load_side(table, settings, Path(output) / f"{side}.npy")
        for side, table in rows.items()
    }
    student, history, best_epoch = train_student(sides, device)
    folder = Path(output) / "idc-resnet50v2"
    folder.mkdir(exist_ok=True)
    write_folder(folder, student, history, best_epoch, sides, split)
    print(f"the model: {folder}; judge it with `wsi-idc evaluate {folder} PATCHES`")


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


def train_student(
    sides: dict[str, Side],
    device: str,
    teachers: tuple[Run, ...] = TEACHERS,
    student: Run = STUDENT,
) -> tuple[Network, list[dict[str, float]], int]:
    """Train the teachers, and the student on what was drawn and what they agree on."""
    train_on, val = (patches_of(sides[s].pixels, sides[s].label, device) for s in ("train", "val"))
    agreed = np.zeros(len(train_on.label))
    for run in teachers:
        teacher, _, _ = train(run, train_on, val, print)
        agreed += predict(teacher, train_on.pixels, run.input_size, views=True) / len(teachers)
    # The teachers weighed both classes equally; what is taught is weighed again.
    positive = float(train_on.label.float().mean())
    agreed = expit(logit(np.clip(agreed, 1e-4, 1 - 1e-4)) + logit(positive))
    taught = DRAWN_SHARE * train_on.taught
    taught += (1 - DRAWN_SHARE) * torch.from_numpy(agreed).float().to(device)
    return train(student, Patches(train_on.pixels, train_on.label, taught), val, print)


def write_folder(
    folder: Path,
    student: Network,
    history: list[dict[str, float]],
    best_epoch: int,
    sides: dict[str, Side],
    split: Split,
) -> None:
    """Bring the weights into the Keras model, calibrate and judge it, write its folder."""
    settings = settings_of(STUDENT, len(sides["train"].label))
    student = student.cpu()
    weights = folder / "float32.safetensors"
    save_file(to_keras(student), weights)
    model = build_model(settings.architecture)
    read_weights(weights, model)
    weights.unlink()
    some = np.array(sides["val"].pixels[:256])
    as_trained = predict(student, patches_of(some, np.zeros(256, int), "cpu").pixels, 64)
    difference = np.abs(np.asarray(model(some, training=False))[:, 0] - as_trained).max()
    if difference > 1e-3:
        sys.exit(
            f"the Keras model's probabilities differ by {difference:.4f} from the trained ones"
        )
    run = TrainedRun(model, sides, split, PUBLIC_MPP, pd.DataFrame(history), best_epoch)
    card = finish(run, folder, settings, print)
    write_split(folder / "split.csv", split)
    taught = "half the drawn labels, half the mean of four networks trained before"
    write_card(
        folder,
        card.model_copy(
            update={
                "training_settings": {**card.training_settings, "taught": taught},
                "versions": {**card.versions, "torch": torch.__version__},
            }
        ),
    )


def settings_of(run: Run, patches: int) -> wsi_idc.TrainSettings:
    """The settings of a run on so many patches, as the package states them in a model's card."""
    return wsi_idc.TrainSettings(
        epochs=run.epochs,
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        warmup_epochs=WARMUP * run.epochs,
        weight_decay=WEIGHT_DECAY,
        label_smoothing=run.label_smoothing,
        average_decay=run.average_decay(patches),
        precision="bfloat16",
        patience=run.epochs,
        weights="none",
        seed=run.seed,
        architecture=Architecture(input_size=run.input_size),
        augmentation=run.augmentation,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
