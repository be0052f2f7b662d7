"""Losses and metrics of corner offsets as Keras objects, also by name: "corner_error"."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_homography.training import losses

_PACKAGE = "keras_homography"


@keras.saving.register_keras_serializable(_PACKAGE)
class CornerDistance(keras.losses.Loss):
    """Mean distance of the four corners, pixels: the loss "corner_distance".

    Args:
      reduction: over pairs, as of `keras.losses.Loss`.
      name: of the loss.
      dtype: as of `keras.losses.Loss`.
    """

    def __init__(
        self,
        reduction: str = "sum_over_batch_size",
        name: str = "corner_distance",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Return the distance of every pair, `[n]`, from offsets `[n, 4, 2]`, pixels."""
        return losses.corner_distance(y_true, y_pred)


@keras.saving.register_keras_serializable(_PACKAGE)
class CornerL2(keras.losses.Loss):
    """The Euclidean loss of DeTone et al. 2016, in units of rho: the loss "corner_l2".

    Args:
      rho: largest corner offset, pixels.
      reduction: over pairs, as of `keras.losses.Loss`.
      name: of the loss.
      dtype: as of `keras.losses.Loss`.
    """

    def __init__(
        self,
        rho: float = 32.0,
        reduction: str = "sum_over_batch_size",
        name: str = "corner_l2",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.rho = rho
        self._loss = losses.get_loss("l2", rho)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Return the loss of every pair, `[n]`, from offsets `[n, 4, 2]`, pixels."""
        return self._loss(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, from which Keras builds it again."""
        return {**super().get_config(), "rho": self.rho}


@keras.saving.register_keras_serializable(_PACKAGE)
class CornerError(keras.metrics.Mean):
    """Mean corner error over pairs (MACE), pixels: the metric "corner_error".

    Args:
      name: of the metric.
      dtype: of its sums.
    """

    def __init__(self, name: str = "corner_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any = None) -> None:
        """Add the pairs of a batch.

        Args:
          y_true: float32 `[n, 4, 2]`, pixels.
          y_pred: the same, predicted.
          sample_weight: `[n]`, or None.
        """
        super().update_state(losses.corner_distance(y_true, y_pred), sample_weight)


@keras.saving.register_keras_serializable(_PACKAGE)
class CornersWithin(keras.metrics.Mean):
    """Share of pairs whose corner error is below a limit, 0 to 1: the metric "corners_within".

    Args:
      pixels: the limit.
      name: of the metric; None for one that says the limit.
      dtype: of its sums.
    """

    def __init__(self, pixels: float = 1.0, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name or f"within_{pixels:g}px", dtype=dtype)
        self.pixels = pixels

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any = None) -> None:
        """Add the pairs of a batch.

        Args:
          y_true: float32 `[n, 4, 2]`, pixels.
          y_pred: the same, predicted.
          sample_weight: `[n]`, or None.
        """
        is_within = losses.corner_distance(y_true, y_pred) < self.pixels
        super().update_state(tf.cast(is_within, tf.float32), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, from which Keras builds it again."""
        return {"name": self.name, "dtype": self.dtype, "pixels": self.pixels}


LOSSES = {"corner_distance": CornerDistance, "corner_l2": CornerL2}
METRICS = {"corner_error": CornerError, "corners_within": CornersWithin}


def get_loss(identifier: Any) -> Any:
    """Return a loss by its name, one of ours or of Keras; what is no name stays as it is."""
    return _by_name(LOSSES, identifier)


def get_metric(identifier: Any) -> Any:
    """Return a metric by its name, one of ours or of Keras; what is no name stays as it is."""
    return _by_name(METRICS, identifier)


def _by_name(classes: Mapping[str, Callable[[], Any]], identifier: Any) -> Any:
    is_ours = isinstance(identifier, str) and identifier in classes
    return classes[identifier]() if is_ours else identifier
