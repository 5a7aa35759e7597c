"""Training of `network.Network` with every step one CUDA graph: half a second an epoch.

What matters follows `wsi_idc.model`: AdamW with warm-up and cosine, equal weight of the classes,
an average of all weights, the epoch of the best validation ROC AUC kept.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor

from gpu_training.augmentation import augment
from gpu_training.network import Network
from wsi_idc.model.augmentation import Augmentation

BATCH = 256
LEARNING_RATE = 1.5e-3
WEIGHT_DECAY = 0.02
WARMUP = 0.04
_SCORED_AT_ONCE = 1024
_EARLY_EPOCHS = 3


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes
    ----------
    input_size : side to which patches are enlarged.
    label_smoothing : share of a label given to the other class.
    mix : share of patches that are mixed with another one.
    averaged_epochs : over so many epochs weights are averaged.
    judged_every : epochs between two validations.
    """

    name: str
    epochs: int
    seed: int
    input_size: int = 64
    augmentation: Augmentation = field(default_factory=Augmentation)
    label_smoothing: float = 0.05
    mix: float = 0.0
    averaged_epochs: float = 4.0
    judged_every: int = 5

    def average_decay(self, patches: int) -> float:
        """Share of the running average that a step keeps, of a training on so many patches."""
        return 1 - 1 / (self.averaged_epochs * (patches // BATCH))


@dataclass(frozen=True)
class Patches:
    """uint8 pixels [N, 3, P, P], labels 0 or 1 [N], and what is taught [N]: 0 to 1."""

    pixels: Tensor
    label: Tensor
    taught: Tensor


def patches_of(pixels: NDArray[np.uint8], label: NDArray[np.int64], device: str) -> Patches:
    """Put patches uint8 [N, P, P, 3] and their labels where they are trained on."""
    on_device = torch.from_numpy(np.array(pixels)).to(device).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(np.array(label)).to(device)
    return Patches(on_device, labels, labels.float())


def train(
    run: Run, data: Patches, val: Patches, say: Callable[[str], None]
) -> tuple[Network, list[dict[str, float]], int]:
    """Train; return the averaged network of the best epoch, a row an epoch judged, and which."""
    device = data.pixels.device.type
    network = Network()
    network.randomise(run.seed)
    network.to(device, memory_format=torch.channels_last).train()
    steps = len(data.label) // BATCH
    step = _Step(run, network, data)
    order = torch.Generator().manual_seed(run.seed)
    best, best_auc, best_epoch, rows = step.average, -1.0, 0, []
    for epoch in range(1, run.epochs + 1):
        step.loss.zero_()
        batches = torch.randperm(len(data.label), generator=order)[: steps * BATCH]
        for number, batch in enumerate(batches.reshape(steps, BATCH).to(device)):
            done = (epoch - 1) * steps + number + 1
            step(batch, _learning_rate(done / (run.epochs * steps)))
        if epoch == _EARLY_EPOCHS:  # weights of the first epochs are far from all later ones
            step.average.load_state_dict(network.state_dict())
        if epoch % run.judged_every and epoch != run.epochs:
            continue
        scores = predict(step.average, val.pixels, run.input_size)
        auc = float(roc_auc_score(val.label.cpu(), scores))
        loss = float(step.loss) / steps
        val_loss = float(log_loss(val.label.cpu(), scores.astype(float)))
        rows.append({"epoch": epoch, "loss": loss, "val_loss": val_loss, "val_roc_auc": auc})
        say(f"{run.name}, epoch {epoch}/{run.epochs}: loss {loss:.4f}, validation AUC {auc:.4f}")
        if auc > best_auc:
            best, best_auc, best_epoch = copy.deepcopy(step.average), auc, epoch
    return best, rows, best_epoch


def predict(
    network: Network, pixels: Tensor, size: int, *, views: bool = False
) -> NDArray[np.float32]:
    """Uncalibrated probabilities [N], of one view or as the mean of eight."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pixels), _SCORED_AT_ONCE):
            x = pixels[start : start + _SCORED_AT_ONCE].float()
            seen = [x]
            if views:
                seen = [
                    view
                    for turned in (x, x.transpose(2, 3))
                    for view in (turned, turned.flip(2), turned.flip(3), turned.flip(2, 3))
                ]
            parts.append(sum(torch.sigmoid(network(_prepared(v, size))) for v in seen) / len(seen))
    return torch.cat(parts).cpu().numpy()


def _prepared(x: Tensor, size: int) -> Tensor:
    """What the Keras model's first layers do to 0 to 255: scale, and enlarge."""
    x = x / 127.5 - 1
    if size != x.shape[-1]:
        x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)


def _learning_rate(done: float) -> float:
    """At a share of all steps: linear up, then down along a half cosine."""
    if done < WARMUP:
        return LEARNING_RATE * done / WARMUP
    return LEARNING_RATE / 2 * (1 + math.cos(math.pi * (done - WARMUP) / (1 - WARMUP)))


class _Step:
    """One training step; on a GPU recorded once and replayed, since launching costs more."""

    def __init__(self, run: Run, network: Network, data: Patches) -> None:
        device = data.pixels.device.type
        self._run, self._network, self._data = run, network, data
        self._on_gpu = device == "cuda"
        self._batch = torch.zeros(BATCH, dtype=torch.long, device=device)
        self._rate = torch.tensor(0.0, device=device)
        self.loss = torch.zeros((), device=device)
        self.average = copy.deepcopy(network)
        self._kept = run.average_decay(len(data.label))
        positive = float(data.label.float().mean())
        self._weight = torch.tensor([0.5 / (1 - positive), 0.5 / positive], device=device)
        kernels = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim == 1]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": kernels, "weight_decay": WEIGHT_DECAY},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self._rate,
            fused=self._on_gpu,
            capturable=self._on_gpu,
        )
        self._replay = self._record() if self._on_gpu else self._step

    def __call__(self, batch: Tensor, learning_rate: float) -> None:
        """Train on the patches of these indices [BATCH]."""
        self._batch.copy_(batch)
        self._rate.fill_(learning_rate)
        self._replay()

    def _record(self) -> Callable[[], None]:
        """Run the step aside until everything is allocated, record it, undo what it did."""
        before = copy.deepcopy(self._network.state_dict())
        for parameter in self._network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(4):
                self._step()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self._network.load_state_dict(before)
        self.average.load_state_dict(before)
        for state in self._optimizer.state.values():
            for value in state.values():
                value.zero_()
        return graph.replay

    def _step(self) -> None:
        data, run = self._data, self._run
        x = augment(data.pixels[self._batch].float(), run.augmentation)
        taught, weight = data.taught[self._batch], self._weight[data.label[self._batch]]
        if run.mix:
            x, taught, weight = _mixed(run.mix, x, taught, weight)
        taught = taught * (1 - run.label_smoothing) + run.label_smoothing / 2
        half = torch.autocast(
            x.device.type, dtype=torch.bfloat16, enabled=self._on_gpu, cache_enabled=False
        )
        with half:
            logit = self._network(_prepared(x, run.input_size))
        loss = F.binary_cross_entropy_with_logits(logit, taught, reduction="none") * weight
        loss = loss.sum() / weight.sum()
        self._optimizer.zero_grad(set_to_none=False)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimizer.step()
        self.loss.add_(loss.detach())
        means = [v for v in self.average.state_dict().values() if v.is_floating_point()]
        now = [v for v in self._network.state_dict().values() if v.is_floating_point()]
        torch._foreach_lerp_(means, now, 1 - self._kept)


def _mixed(share: float, *batch: Tensor) -> list[Tensor]:
    """Mix a share of patches with their neighbours in the batch, and what belongs to them."""
    count, device = len(batch[0]), batch[0].device
    own = 1 - torch.rand(count, device=device) ** 2 / 2
    own = torch.where(torch.rand(count, device=device) < share, own, torch.ones_like(own))
    result = []
    for value in batch:
        of = own.reshape(-1, *[1] * (value.ndim - 1))
        result.append(value * of + value.roll(1, 0) * (1 - of))
    return result
