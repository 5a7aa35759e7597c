"""The package's network in PyTorch, layer by layer under Keras's names.

So that weights go both ways: `to_keras` gives the arrays that the model folder holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

# Name, bottleneck width, blocks, and stride of the last block: ResNet V2 strides at a stage's end.
_STAGES = (("conv2", 64, 3, 2), ("conv3", 128, 4, 2), ("conv4", 256, 6, 2), ("conv5", 512, 3, 1))
_HEAD = 256


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1.001e-5, momentum=0.05)  # Keras's momentum of 0.95


class _Block(nn.Module):
    """A pre-activation bottleneck block."""

    def __init__(self, channels: int, width: int, stride: int, *, projects: bool) -> None:
        super().__init__()
        self.stride = stride
        self.preact_bn = _norm(channels)
        self.shortcut = nn.Conv2d(channels, 4 * width, 1, stride) if projects else None
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = _norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = _norm(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        ready = F.relu(self.preact_bn(x))
        if self.shortcut is not None:
            x = self.shortcut(ready)
        elif self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        y = F.relu(self.bn1(self.conv1(ready)))
        y = F.relu(self.bn2(self.conv2(y)))
        return x + self.conv3(y)


class Network(nn.Module):
    """ResNet50V2 and head: prepared patches [N, 3, S, S] to logits [N]."""

    def __init__(self, dropout: float = 0.4) -> None:
        super().__init__()
        self.conv1_conv = nn.Conv2d(3, 64, 7, 2, padding=3)
        self.blocks = nn.ModuleDict()
        channels = 64
        for stage, width, count, last_stride in _STAGES:
            for number in range(1, count + 1):
                stride = last_stride if number == count else 1
                block = _Block(channels, width, stride, projects=number == 1)
                self.blocks[f"{stage}_block{number}"] = block
                channels = 4 * width
        self.post_bn = _norm(channels)
        self.head1_conv = nn.Conv2d(channels, _HEAD, 1, bias=False)
        self.head1_bn = _norm(_HEAD)
        self.head2_conv = nn.Conv2d(_HEAD, _HEAD, 3, padding=1, bias=False)
        self.head2_bn = _norm(_HEAD)
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(_HEAD, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Prepared patches to logits."""
        x = F.max_pool2d(F.pad(self.conv1_conv(x), (1, 1, 1, 1)), 3, 2)
        for block in self.blocks.values():
            x = block(x)
        x = F.relu(self.post_bn(x))
        x = F.relu(self.head1_bn(self.head1_conv(x)))
        x = F.relu(self.head2_bn(self.head2_conv(x)))
        x = self.dropout(x.float().mean((2, 3)))
        with torch.autocast(x.device.type, enabled=False):  # half precision has steps of 1e-3
            return self.logit(x)[:, 0]

    def randomise(self, seed: int) -> None:
        """Draw new weights as Keras does: Glorot in the base, He in the head."""
        torch.manual_seed(seed)
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                of_head = name.startswith("head")
                draw = nn.init.kaiming_normal_ if of_head else nn.init.xavier_uniform_
                draw(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def to_keras(network: Network) -> dict[str, NDArray[np.float32]]:
    """The weights as float32 arrays, named and laid out as Keras's variables."""
    arrays = {}
    for name, tensor, axes in _by_keras_name(network):
        array = tensor.detach().float().cpu().numpy()
        arrays[name] = np.ascontiguousarray(array if axes is None else array.transpose(axes))
    return arrays


def _by_keras_name(network: Network) -> Iterator[tuple[str, Tensor, tuple[int, ...] | None]]:
    """Keras's name of each weight, the tensor, and the axes that bring it into Keras's order."""
    inner = {"shortcut": "0_conv"} | {
        f"{kind}{n}": f"{n}_{kind}" for n in (1, 2, 3) for kind in ("conv", "bn")
    }
    for path, layer in network.named_modules():
        *block, last = path.removeprefix("blocks.").split(".")
        name = "_".join((*block, inner.get(last, last) if block else last))
        if isinstance(layer, nn.Conv2d):
            yield f"{name}/kernel", layer.weight, (2, 3, 1, 0)
        if isinstance(layer, nn.Linear):
            yield f"{name}/kernel", layer.weight, (1, 0)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            yield f"{name}/bias", layer.bias, None
        if isinstance(layer, nn.BatchNorm2d):
            yield f"{name}/gamma", layer.weight, None
            yield f"{name}/beta", layer.bias, None
            yield f"{name}/moving_mean", layer.running_mean, None
            yield f"{name}/moving_variance", layer.running_var, None
