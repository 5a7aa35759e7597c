"""`wsi_idc.model.augmentation` in PyTorch, without JPEG, on the GPU."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from wsi_idc.model.augmentation import Augmentation
from wsi_idc.model.stain import STAIN_VECTORS


def augment(patches: Tensor, settings: Augmentation) -> Tensor:
    """Vary a batch: float32 [N, 3, P, P] of 0 to 255, and so is what comes back, rounded."""
    patches = _views(patches)
    if settings.rotation or settings.scale or settings.shift:
        patches = _placed(patches, settings)
    patches = _blurred(_stained(patches, settings), settings.blur)
    return torch.round(patches)


def _between(x: Tensor, *shape: int) -> Tensor:
    """Uniform in -1 to 1, where x is."""
    return torch.rand(shape, device=x.device) * 2 - 1


def _views(x: Tensor) -> Tensor:
    coin = torch.rand((3, len(x), 1, 1, 1), device=x.device) < 0.5
    x = torch.where(coin[0], x.flip(2), x)
    x = torch.where(coin[1], x.flip(3), x)
    return torch.where(coin[2], x.transpose(2, 3), x)


def _placed(x: Tensor, settings: Augmentation) -> Tensor:
    count, side = len(x), x.shape[-1]
    turn = _between(x, count, 1, 1) * math.radians(settings.rotation)
    scale = 1 + _between(x, count, 1, 1) * settings.scale
    along = torch.arange(side, device=x.device) - (side - 1) / 2
    right = along[None, None, :] - _between(x, count, 1, 1) * settings.shift
    down = along[None, :, None] - _between(x, count, 1, 1) * settings.shift
    cosine, sine = torch.cos(turn) / scale, torch.sin(turn) / scale
    source = torch.stack([cosine * right - sine * down, sine * right + cosine * down], -1)
    return F.grid_sample(
        x, source / (side / 2), mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _stained(x: Tensor, settings: Augmentation) -> Tensor:
    count = len(x)
    stains = torch.as_tensor(STAIN_VECTORS, dtype=torch.float32)
    density = -torch.log((x.clamp(0, 255) + 1) / 256)
    amounts = _channels_times(density, torch.linalg.inv(stains))
    amounts = amounts * (1 + _between(x, count, 3, 1, 1) * settings.stain_scale)
    amounts = amounts + _between(x, count, 3, 1, 1) * settings.stain_shift
    light = torch.exp(-_channels_times(amounts, stains)) * 256 - 1
    light = light * (1 + _between(x, count, 1, 1, 1) * settings.brightness)
    return light.clamp(0, 255)


def _channels_times(x: Tensor, matrix: Tensor) -> Tensor:
    """[N, 3, H, W] times [3, 3] in full precision, which matrix units would round."""
    of = matrix.tolist()
    return torch.stack([sum(x[:, c] * of[c][d] for c in range(3)) for d in range(3)], 1)


def _blurred(x: Tensor, most: float) -> Tensor:
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    soft = 0.25 * padded[:, :, :-2] + 0.5 * padded[:, :, 1:-1] + 0.25 * padded[:, :, 2:]
    soft = 0.25 * soft[..., :-2] + 0.5 * soft[..., 1:-1] + 0.25 * soft[..., 2:]
    return x + torch.rand((len(x), 1, 1, 1), device=x.device) * most * (soft - x)
