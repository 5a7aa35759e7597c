"""The network in OpenVINO, for scoring on a CPU without TensorFlow.

It is built from the card's numbers and the arrays of the weights file, operation by operation,
as `architecture.build_model` builds it in Keras; `tests/model/test_openvino.py` holds the two
against each other. OpenVINO itself folds batch normalisation into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import ModelFolderError
from wsi_idc.model.architecture import Architecture
from wsi_idc.model.logits import BATCH_SIZE, LogitGraph
from wsi_idc.model.runtime import load_openvino, threads_to_use

STACKS = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))
"""Channels, blocks and the last block's stride of ResNet50V2's four stacks."""

_EPSILON = 1.001e-5  # of Keras's ResNets, and of this package's head


class OpenVinoGraph(LogitGraph):
    """The network of an architecture with given weights, compiled for the CPU.

    Parameters
    ----------
    arrays : the weights, by the names of Keras's variables.

    Raises
    ------
    ModelFolderError
        If the weights are those of another network.
    """

    runtime = "openvino"

    def __init__(
        self,
        architecture: Architecture,
        arrays: Mapping[str, NDArray[np.floating]],
        batch_size: int = BATCH_SIZE,
    ) -> None:
        super().__init__(architecture.patch_size, batch_size)
        openvino = load_openvino()
        model = _Builder(arrays).network(architecture, batch_size)
        self._request = (
            openvino.Core()
            .compile_model(
                model,
                "CPU",
                {
                    # Else bfloat16 where the processor has it, which moves scores.
                    "INFERENCE_PRECISION_HINT": "f32",
                    "PERFORMANCE_HINT": "LATENCY",
                    # Two runs on one machine would be pinned to the same cores.
                    "ENABLE_CPU_PINNING": False,
                    "INFERENCE_NUM_THREADS": threads_to_use() or 0,
                },
            )
            .create_infer_request()
        )

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits, float32 [B, 1], of one whole batch [B, P, P, 3]."""
        logits: NDArray[np.float32] = self._request.infer([np.ascontiguousarray(batch)])[0]
        return logits


class _Builder:
    """Builds the network's operations and checks that each array is there, fits and is used."""

    def __init__(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        self._openvino = load_openvino()
        self._ops: Any = self._openvino.opset13
        self._arrays = dict(arrays)

    def network(self, architecture: Architecture, batch_size: int) -> Any:
        """The whole model: uint8 [B, P, P, 3] to float32 logits [B, 1]."""
        ops, size = self._ops, architecture.patch_size
        patch = ops.parameter([batch_size, size, size, 3], np.uint8, name="patch")
        x = ops.convert(ops.transpose(patch, [0, 3, 1, 2]), "f32")
        x = ops.add(ops.multiply(x, np.float32(1 / 127.5)), np.float32(-1))
        if architecture.input_size != size:
            x = self._enlarged(x, architecture.input_size)
        x, channels = self._base(x)
        filters = architecture.head_filters
        for name, kernel in (("head1", 1), ("head2", 3)):
            x = self._conv(x, f"{name}_conv", (kernel, kernel, channels, filters), pad=kernel // 2)
            x = self._norm_relu(x, f"{name}_bn", filters)
            channels = filters
        pooled = ops.reduce_mean(x, [2, 3], keep_dims=False)
        dense = self._take("logit/kernel", (filters, 1))
        logit = ops.add(ops.matmul(pooled, dense, False, False), self._take("logit/bias", (1,)))
        if self._arrays:
            raise ModelFolderError(
                "the weights belong to another network than the card describes (nothing takes "
                f"{sorted(self._arrays)[0]}); copy the model folder again"
            )
        return self._openvino.Model([logit], [patch], "resnet50v2_idc")

    def _base(self, x: Any) -> tuple[Any, int]:
        """ResNet50V2 without its top, and the number of channels that it gives."""
        ops = self._ops
        x = self._conv(x, "conv1_conv", (7, 7, 3, 64), stride=2, pad=3, bias=True)
        # Zeros around it, as in Keras: a pooling's own padding never wins over negative values.
        x = ops.pad(x, [0, 0, 1, 1], [0, 0, 1, 1], "constant", np.float32(0))
        x = self._max_pool(x, side=3, stride=2)
        channels = 64
        for stack, (filters, blocks, last_stride) in enumerate(STACKS, start=2):
            for block in range(1, blocks + 1):
                stride = last_stride if block == blocks else 1
                x = self._block(x, f"conv{stack}_block{block}", channels, filters, stride)
                channels = 4 * filters
        return self._norm_relu(x, "post_bn", channels), channels

    def _block(self, x: Any, name: str, channels: int, filters: int, stride: int) -> Any:
        """One residual block; the first of a stack has a convolution for a shortcut."""
        wide = 4 * filters
        first = self._norm_relu(x, f"{name}_preact_bn", channels)
        if channels != wide:
            shortcut = self._conv(
                first, f"{name}_0_conv", (1, 1, channels, wide), stride=stride, bias=True
            )
        else:
            shortcut = self._max_pool(x, side=1, stride=stride) if stride > 1 else x
        y = self._conv(first, f"{name}_1_conv", (1, 1, channels, filters))
        y = self._norm_relu(y, f"{name}_1_bn", filters)
        y = self._conv(y, f"{name}_2_conv", (3, 3, filters, filters), stride=stride, pad=1)
        y = self._norm_relu(y, f"{name}_2_bn", filters)
        y = self._conv(y, f"{name}_3_conv", (1, 1, filters, wide), bias=True)
        return self._ops.add(shortcut, y)

    def _conv(
        self,
        x: Any,
        name: str,
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        pad: int = 0,
        bias: bool = False,
    ) -> Any:
        """A convolution; `shape` is Keras's: height, width, channels in, channels out."""
        kernel = self._take(f"{name}/kernel", shape).transpose(3, 2, 0, 1)
        x = self._ops.convolution(
            x,
            self._constant(kernel),
            strides=[stride, stride],
            pads_begin=[pad, pad],
            pads_end=[pad, pad],
            dilations=[1, 1],
        )
        if not bias:
            return x
        return self._ops.add(x, self._of_channels(self._take(f"{name}/bias", shape[3:])))

    def _norm_relu(self, x: Any, name: str, channels: int) -> Any:
        gamma, beta, mean, variance = (
            self._take(f"{name}/{part}", (channels,)).astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        x = self._ops.multiply(x, self._of_channels(scale))
        return self._ops.relu(self._ops.add(x, self._of_channels(beta - mean * scale)))

    def _max_pool(self, x: Any, *, side: int, stride: int) -> Any:
        return self._ops.max_pool(x, [stride, stride], [1, 1], [0, 0], [0, 0], [side, side]).output(
            0
        )

    def _enlarged(self, x: Any, size: int) -> Any:
        """Bilinear with half-pixel centres and without smoothing, as Keras's Resizing."""
        return self._ops.interpolate(
            x,
            np.array([size, size], np.int64),
            "linear_onnx",
            "sizes",
            coordinate_transformation_mode="half_pixel",
            antialias=False,
            axes=np.array([2, 3], np.int64),
        )

    def _of_channels(self, values: NDArray[np.floating]) -> Any:
        """Constants that broadcast over [B, C, H, W]."""
        return self._constant(values[None, :, None, None])

    def _constant(self, values: NDArray[np.floating]) -> Any:
        return self._ops.constant(np.ascontiguousarray(values, np.float32))

    def _take(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if name not in self._arrays:
            raise ModelFolderError(
                f"the weights belong to another network than the card describes ({name} is "
                "missing); copy the model folder again"
            )
        array = self._arrays.pop(name)
        if array.shape != shape:
            raise ModelFolderError(
                f"the weights' {name} has the shape {array.shape}, expected {shape}; copy the "
                "model folder again"
            )
        return array.astype(np.float32)
