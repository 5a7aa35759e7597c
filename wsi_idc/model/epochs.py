"""One epoch after another: the optimizer, its schedule, and the training step.

On one CPU or GPU and, with the same code, on all GPUs of a machine: each takes its share of
every batch, and their gradients are summed (`tf.distribute.MirroredStrategy`).
"""

from __future__ import annotations

import math
from typing import Any

from wsi_idc.errors import SettingsError
from wsi_idc.model.averaging import WeightAverage
from wsi_idc.model.data import Side, training_data
from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.model.settings import TrainSettings
from wsi_idc.progress import StepProgress


def training_strategy() -> Any:
    """How the visible devices share the work: several GPUs mirrored, else just the one."""
    tf = load_tensorflow()
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) < 2:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])


def compile_model(model: Any, settings: TrainSettings, steps: int) -> None:
    """Give the model its loss and AdamW with warm-up and cosine decay over all epochs.

    Parameters
    ----------
    steps : training steps an epoch.
    """
    import keras

    warmup = max(1, round(settings.warmup_epochs * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate / warmup,
        decay_steps=max(1, settings.epochs * steps - warmup),
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    # Decay of biases and normalisation would only pull them to arbitrary values.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        keras.losses.BinaryCrossentropy(label_smoothing=settings.label_smoothing),
        jit_compile=False,  # EpochRunner decides on XLA
    )
    model.optimizer.build(model.trainable_variables)


class EpochRunner:
    """Trains a compiled model, an epoch at a time.

    Parameters
    ----------
    strategy : the one in whose scope the model was built and compiled.
    steps : training steps an epoch.

    Attributes
    ----------
    average : of the model's weights, kept up while it trains.
    """

    def __init__(
        self, model: Any, side: Side, settings: TrainSettings, steps: int, strategy: Any
    ) -> None:
        tf = load_tensorflow()
        replicas = strategy.num_replicas_in_sync
        if settings.batch_size % replicas:
            raise SettingsError(
                f"a batch of {settings.batch_size} patches cannot be shared equally by "
                f"{replicas} devices; give a multiple of {replicas}"
            )
        self._model, self._side, self._settings = model, side, settings
        self._steps, self._strategy = steps, strategy
        self.average = WeightAverage(model, settings.average_decay)
        # XLA is five times slower on CPU, and compiles for one device only.
        use_xla = replicas == 1 and bool(tf.config.get_visible_devices("GPU"))
        # Not Keras's `fit`: it traces the network twice before its first step, which for this
        # one takes half a minute.
        self._step = tf.function(
            lambda batch: strategy.run(model.train_step, args=(batch,)), jit_compile=use_xla or None
        )

    def run(self, epoch: int, progress: StepProgress | None) -> float:
        """Train for one epoch, counted from 0; return its mean loss.

        Raises
        ------
        SettingsError
            If the loss is no finite number any more.
        """
        settings, steps = self._settings, self._steps
        batches = training_data(self._side, settings, epoch, steps, load_tensorflow())
        self._model.reset_metrics()
        for step, batch in enumerate(
            self._strategy.experimental_distribute_dataset(batches), start=1
        ):
            self._step(batch)
            self.average.after_step()
            if progress is not None:
                done = epoch * steps + step
                progress(done, settings.epochs * steps, f"epoch {epoch + 1}/{settings.epochs}")
        loss = float(self._model.get_metrics_result()["loss"])
        check_loss(loss, "loss", epoch)
        return loss


def check_loss(loss: float, what: str, epoch: int) -> None:
    """Refuse to go on where training has run away.

    Raises
    ------
    SettingsError
        If the loss is no finite number any more.
    """
    if not math.isfinite(loss):
        raise SettingsError(
            f"the {what} became {loss} in epoch {epoch + 1}; use a lower --learning-rate"
        )
