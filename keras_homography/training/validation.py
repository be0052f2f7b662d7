"""Validation sets: pairs with known corners, or unlabeled pairs."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from keras_homography.evaluation import metrics
from keras_homography.training import losses
from keras_homography.visualization import patch_figures

_MAX_DRAWN = 8

# A batch of pairs, float32 `[n, size, size, 2]`, gray levels in 0..255 -> the model's outputs.
Predict: TypeAlias = Callable[[tf.Tensor], list[tf.Tensor]]


class ValidationSet(Protocol):
    """Pairs to validate on, and how predictions for them are measured.

    Attributes:
      patches: float32 `[n, size, size, 2]`, gray levels in 0..255.
      criterion: Figure of `measure` that is lowest in the best round.
      title: Of that figure, for a plot.
    """

    patches: np.ndarray
    criterion: str
    title: str

    def measure(self, predict: Predict) -> tuple[dict[str, float], np.ndarray]:
        """Run a model on the pairs.

        Args:
          predict: The model.

        Returns:
          `(summary, picture)`: figures by name, and the first pairs with what is predicted for
          them, uint8 `[height, width, 3]`, RGB.
        """
        ...

    def identity(self) -> dict[str, float]:
        """Return the figures of the identity, which predicts no motion."""
        ...

    def describe(self, dataset: str, summary: dict[str, float], identity: dict[str, float]) -> str:
        """Return the figures as a sentence.

        Args:
          dataset: Name of where the pairs are from.
          summary: Figures of the model.
          identity: Figures of the identity, which predicts no motion.
        """
        ...


class _CornerValidation:
    """Pairs on which a model predicts the offsets of corners."""

    patches: np.ndarray

    def measure(self, predict: Predict) -> tuple[dict[str, float], np.ndarray]:
        """Run a model on the pairs: see `ValidationSet.measure`."""
        batches = tf.data.Dataset.from_tensor_slices(self.patches).batch(64)
        outputs = [predict(patches) for patches in batches]
        h4pt = np.concatenate([output[0] for output in outputs])
        probabilities = outputs[0][-1].numpy()
        if probabilities.ndim != 4:  # those of a classification network: [n, 4, 2, bins]
            probabilities = None
        return self.summarize(h4pt), self.draw(h4pt, probabilities)

    def identity(self) -> dict[str, float]:
        """Return the figures of the identity: see `ValidationSet.identity`."""
        return self.summarize(np.zeros([len(self.patches), 4, 2], np.float32))

    def summarize(self, h4pt: np.ndarray) -> dict[str, float]:
        """Return the figures of predicted corners, float32 `[n, 4, 2]`, pixels, by name."""
        raise NotImplementedError

    def draw(self, h4pt: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """Draw the first pairs.

        Args:
          h4pt: float32 `[n, 4, 2]`, pixels.
          probabilities: float32 `[n, 4, 2, bins]`, of a classification network; or None.

        Returns:
          uint8 `[height, width, 3]`, RGB.
        """
        raise NotImplementedError


class LabeledValidation(_CornerValidation):
    """Pairs with known corners, measured by the corner error in pixels.

    Args:
      batches: Finite batches of (patches, h4pt).
      rho: Largest corner offset, in pixels.
    """

    criterion = "mace"
    title = "MACE on validation pairs (px)"

    def __init__(self, batches: Iterable[tuple[tf.Tensor, tf.Tensor]], rho: float) -> None:
        self.patches = np.concatenate([patches for patches, _ in batches])
        self._h4pt = np.concatenate([h4pt for _, h4pt in batches])
        self._rho = rho

    def summarize(self, h4pt: np.ndarray) -> dict[str, float]:
        """Return the figures of `metrics.summarize`: see `_CornerValidation.summarize`."""
        return metrics.summarize(metrics.corner_errors(self._h4pt, h4pt))

    def draw(self, h4pt: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """Draw true and predicted quads, or confidence maps: see `_CornerValidation.draw`."""
        drawn = self.patches[:_MAX_DRAWN], self._h4pt[:_MAX_DRAWN], h4pt[:_MAX_DRAWN]
        if probabilities is None:
            return patch_figures.quads(*drawn)
        return patch_figures.confidence_maps(*drawn, probabilities[:_MAX_DRAWN], self._rho)

    def describe(self, dataset: str, summary: dict[str, float], identity: dict[str, float]) -> str:
        """Return mean and median as a sentence: see `ValidationSet.describe`."""
        return (
            f"Corner error on {len(self.patches)} validation pairs ({dataset}): mean "
            f"{summary['mace']:.2f} px, median {summary['median']:.2f} px; identity "
            f"{identity['mace']:.2f} px."
        )


class UnlabeledValidation(_CornerValidation):
    """Unlabeled pairs, measured by the photometric loss.

    Args:
      batches: Finite batches of (patches,).
    """

    criterion = "photometric"
    title = "photometric loss on validation pairs"

    def __init__(self, batches: Iterable[tuple[tf.Tensor]]) -> None:
        self.patches = np.concatenate([patches for (patches,) in batches])

    def summarize(self, h4pt: np.ndarray) -> dict[str, float]:
        """Return the mean of `losses.photometric`: see `_CornerValidation.summarize`."""
        batches = tf.data.Dataset.from_tensor_slices((self.patches, h4pt)).batch(64)
        values = np.concatenate([losses.photometric(*batch) for batch in batches])
        return {"photometric": float(values.mean())}

    def draw(self, h4pt: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """Draw A over B, unaligned and aligned: see `_CornerValidation.draw`."""
        return patch_figures.alignments(self.patches[:_MAX_DRAWN], h4pt[:_MAX_DRAWN])

    def describe(self, dataset: str, summary: dict[str, float], identity: dict[str, float]) -> str:
        """Return the mean as a sentence: see `ValidationSet.describe`."""
        return (
            f"Photometric loss on {len(self.patches)} validation pairs ({dataset}): "
            f"{summary['photometric']:.3f}; identity {identity['photometric']:.3f}."
        )
