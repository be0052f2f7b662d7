"""What a run is validated on: pairs whose corners are known, or pairs that nobody has labeled."""

import numpy as np
import tensorflow as tf

from keras_homography.evaluation import metrics
from keras_homography.training import losses
from keras_homography.visualization import patch_figures

_PICTURED = 8


class LabeledValidation:
    """Pairs whose corners are known: what counts is the corner error, in pixels.

    Attributes:
      patches: float32 `[n, size, size, 2]`, gray levels in 0..255.
      criterion: of the figures of `summarize`, the one by which the best round is chosen; the
        lowest is the best.
      title: of that figure, for a plot.
    """

    criterion = "mace"
    title = "MACE on validation pairs (px)"

    def __init__(self, pairs, rho):
        """Args: `pairs`, finite batches of (patches, h4pt); the largest offset, in pixels."""
        self.patches = np.concatenate([patches for patches, _ in pairs])
        self._h4pt = np.concatenate([h4pt for _, h4pt in pairs])
        self._rho = rho

    def summarize(self, h4pt):
        """The figures of predictions `[n, 4, 2]`, pixels: of `metrics.summarize`."""
        return metrics.summarize(metrics.corner_errors(self._h4pt, h4pt))

    def draw(self, h4pt, probabilities=None):
        """A picture of the first pairs, uint8 `[height, width, 3]`, RGB: their quads, and of a
        model that has probabilities their confidence maps."""
        pictured = self.patches[:_PICTURED], self._h4pt[:_PICTURED], h4pt[:_PICTURED]
        if probabilities is None:
            return patch_figures.quads(*pictured)
        return patch_figures.confidence_maps(*pictured, probabilities[:_PICTURED], self._rho)

    def describe(self, dataset, summary, identity):
        """The figures in words, beside those of always answering "no motion"."""
        return (
            f"Corner error on {len(self.patches)} validation pairs ({dataset}): mean "
            f"{summary['mace']:.2f} px, median {summary['median']:.2f} px; identity "
            f"{identity['mace']:.2f} px."
        )


class UnlabeledValidation:
    """Pairs that nobody has labeled: what counts is how well the patches fit."""

    criterion = "photometric"
    title = "photometric loss on validation pairs"

    def __init__(self, pairs):
        """Args: `pairs`, finite batches of (patches,)."""
        self.patches = np.concatenate([patches for (patches,) in pairs])

    def summarize(self, h4pt):
        """The mean of `losses.photometric` over predictions `[n, 4, 2]`, pixels."""
        batches = tf.data.Dataset.from_tensor_slices((self.patches, h4pt)).batch(64)
        fits = np.concatenate([losses.photometric(*batch) for batch in batches])
        return {"photometric": float(fits.mean())}

    def draw(self, h4pt, probabilities=None):
        """A picture of the first pairs, uint8 `[height, width, 3]`, RGB: A over B as they are, and
        as predicted."""
        return patch_figures.alignments(self.patches[:_PICTURED], h4pt[:_PICTURED])

    def describe(self, dataset, summary, identity):
        """The figures in words, beside those of always answering "no motion"."""
        return (
            f"Photometric loss on {len(self.patches)} validation pairs ({dataset}): "
            f"{summary['photometric']:.3f}; identity {identity['photometric']:.3f}."
        )
