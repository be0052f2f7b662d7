"""HomographyNet, classification: DeTone, Malisiewicz, Rabinovich 2016, section 4 and figure 5."""

import keras
import numpy as np
import numpy.typing as npt

from keras_homography.models import homographynet

BINS = 21


def bin_centers(rho: float) -> npt.NDArray[np.float32]:
    """Compute the offsets that the bins stand for: `[BINS]`, pixels, from -rho to rho."""
    return np.linspace(-rho, rho, BINS, dtype=np.float32)


def corner_confidences(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute the confidence of each corner: the probability of its likeliest offset.

    The brightest point of a corner's map of 21 x 21 offsets (figure 5).

    Args:
      probabilities: `[n, 4, 2, BINS]`.

    Returns:
      `[n, 4]`, in 0..1.
    """
    confidences: npt.NDArray[np.float32] = probabilities.max(axis=-1).prod(axis=-1)
    return confidences


def build(
    patch_size: int = 128, rho: float = 32, width: float = 1.0, dropout: float = 0.5
) -> keras.Model:
    """Build the classification network of the paper, with its probabilities.

    The body of HomographyNet; for each of the eight coordinates a softmax over 21 bins of the
    offset. Ours: `h4pt` is the expectation over the bins, which is not held to their grid of
    rho / 10 as the paper's best bin is.

    Args:
      patch_size: side of the patches, in pixels, a multiple of 8.
      rho: the first and last bins are centered at -rho and rho, in pixels.
      width: factor on the number of channels of every hidden layer.
      dropout: share of activations dropped, both times.

    Returns:
      A functional `keras.Model` of built-in layers: float32 `[n, patch_size, patch_size, 2]`,
      gray levels in 0..255, channel 0 patch A and channel 1 patch B -> `h4pt`, float32
      `[n, 4, 2]`, pixels, and `probabilities`, float32 `[n, 4, 2, 21]`: for every corner the
      probability of each offset along x and along y.

    Raises:
      UserError: an option is out of its range.
    """
    homographynet.check_options(patch_size, width, dropout)
    pairs = keras.Input((patch_size, patch_size, 2), dtype="float32", name="pairs")
    x = homographynet.body(pairs, width, dropout, reduction=1)
    x = keras.layers.Dense(8 * BINS, kernel_initializer="zeros", dtype="float32", name="scores")(x)
    x = keras.layers.Reshape((4, 2, BINS), dtype="float32", name="scores_of_bins")(x)
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
    # A dense layer with the centers for weights: built in, so that any Keras loads it.
    expectation = keras.layers.Dense(
        1, use_bias=False, trainable=False, dtype="float32", name="expectation"
    )
    h4pt = expectation(probabilities)
    expectation.kernel.assign(bin_centers(rho)[:, None])
    h4pt = keras.layers.Reshape((4, 2), dtype="float32", name="h4pt")(h4pt)
    return keras.Model(pairs, [h4pt, probabilities], name="homographynet_classifier")
