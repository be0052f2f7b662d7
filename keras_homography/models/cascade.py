"""Cascade: correlate, fit a homography, look again where it says. Small, made for CPUs."""

import math

import keras

from keras_homography.layers import (
    correlation,
    homography_fit,
    look_again,
    patch_features,
)
from keras_homography.utils.errors import UserError

_COARSE_STRIDE, _FINE_REACH = 8, 3
_FINE_LAYERS = ("fine1", "fine2", "fine3", "fine_displacements")


def _convolution(channels, size, strides, name):
    """Convolution, batch normalization and ReLU, as one function that can be called again."""
    layers = [
        keras.layers.Conv2D(
            channels, size, strides, padding="same", use_bias=False, name=f"{name}_convolution"
        ),
        keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_norm"),
        keras.layers.ReLU(name=f"{name}_relu"),
    ]
    return lambda x: _chain(layers, x)


def _displacements(name):
    """The last layer of a stage: small at first, so that every stage begins near no motion."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Conv2D(5, 1, kernel_initializer=small, dtype="float32", name=name)


def _chain(layers, x):
    for layer in layers:
        x = layer(x)
    return x


def build(patch_size=128, rho=40, width=1.0, fine_steps=3):
    """The cascade.

    A shared encoder describes both patches, at a stride of 4 and of 8 pixels. The coarse stage
    compares every cell of B with the cells of A around the same place, predicts where each belongs
    and how much that is to be trusted, and fits a homography to all of them. The fine stage does
    the same at the finer stride where that homography says, several times with the same weights.
    Correlation as in FlowNet (Dosovitskiy et al. 2015), stages and their supervision as in IHN (Cao
    et al. 2022); the fit in place of a dense head is ours: it needs fewer pairs to learn and no
    weights.

    Args:
      patch_size: side of the patches, in pixels, a multiple of 16.
      rho: the most that a corner moves along x and y, in pixels: how far the coarse stage looks.
      width: factor on the number of channels of every hidden layer.
      fine_steps: how often the fine stage runs.

    Returns:
      A functional `keras.Model`: float32 `[n, patch_size, patch_size, 2]`, gray levels in 0..255,
      channel 0 patch A and channel 1 patch B -> `h4pt`, float32 `[n, 4, 2]`, pixels.

    Raises:
      ValueError: a number is out of its range.
    """
    if patch_size < 32 or patch_size % 16:
        raise UserError(
            f"patch_size must be a multiple of 16, at least 32, for cascade; got {patch_size}."
        )
    if not width > 0:
        raise UserError(f"width must be above 0; got {width}.")
    if fine_steps < 0:
        raise UserError(f"fine_steps must be at least 0; got {fine_steps}.")

    def channels(full):
        return max(8, 8 * round(full * width / 8))

    pairs = keras.Input((patch_size, patch_size, 2), dtype="float32", name="pairs")
    patches = patch_features.StandardizePatches(dtype="float32", name="standardize")(pairs)

    # The encoder, the same for A and B.
    to_fine = [
        _convolution(channels(16), 5, 2, "encoder1"),
        _convolution(channels(24), 3, 2, "encoder2"),
        _convolution(channels(24), 3, 1, "encoder3"),
    ]
    fine_head = [
        keras.layers.Conv2D(channels(24), 1, name="fine_features"),
        patch_features.UnitFeatures(name="fine_unit"),
    ]
    coarse_head = [
        _convolution(channels(48), 3, 2, "encoder4"),
        _convolution(channels(48), 3, 1, "encoder5"),
        keras.layers.Conv2D(channels(48), 1, name="coarse_features"),
        patch_features.UnitFeatures(name="coarse_unit"),
    ]
    encoded = [_chain(to_fine, patch) for patch in patches]
    fine_a, fine_b = (
        keras.layers.Identity(name=f"fine_{name}")(_chain(fine_head, x))
        for name, x in zip("ab", encoded, strict=True)
    )
    coarse_a, coarse_b = (_chain(coarse_head, x) for x in encoded)

    # The coarse stage.
    reach = math.ceil(rho / _COARSE_STRIDE)
    margin = keras.layers.ZeroPadding2D(reach, name="coarse_margin")
    x = correlation.Correlation(name="coarse_correlation")(coarse_b, margin(coarse_a))
    coarse = [
        _convolution(channels(48), 1, 1, "coarse1"),
        _convolution(channels(48), 3, 1, "coarse2"),
        _convolution(channels(48), 3, 1, "coarse3"),
        _convolution(channels(48), 3, 1, "coarse4"),
        _displacements("coarse_displacements"),
    ]
    fit = homography_fit.FitHomography(patch_size, dtype="float32", name="coarse_fit")
    h4pt, a_from_b, _ = fit(_chain(coarse, x))

    # The fine stage, the same weights every time.
    fine = [
        _convolution(channels(48), 1, 1, "fine1"),
        _convolution(channels(48), 3, 1, "fine2"),
        _convolution(channels(48), 3, 1, "fine3"),
        _displacements("fine_displacements"),
    ]
    for number in range(1, fine_steps + 1):
        x = _compare(fine_a, fine_b, a_from_b)
        fit = homography_fit.FitHomography(patch_size, dtype="float32", name=f"fine_fit{number}")
        h4pt, a_from_b, _ = fit(_chain(fine, x), a_from_b)
    return keras.Model(pairs, h4pt, name="cascade")


def _compare(fine_a, fine_b, a_from_b):
    sampled = patch_features.SampleFeatures(_FINE_REACH)(fine_a, a_from_b)
    return correlation.BlockCorrelation()(fine_b, sampled)


def _parts(model):
    """The first and the second half of a cascade as models of their own, with the same weights:
    `pairs -> (features_a, features_b, a_from_b)`, and the fine stage, from these to `a_from_b`."""
    _, coarse, _ = model.get_layer("coarse_fit").output
    outputs = [*(model.get_layer(f"fine_{name}").output for name in "ab"), coarse]
    inputs = [keras.Input(each.shape[1:], dtype=each.dtype) for each in outputs]
    x = _compare(*inputs)
    for layer in model.layers:
        if layer.name.startswith(_FINE_LAYERS):
            x = layer(x)
    fit = homography_fit.FitHomography(model.input_shape[1], dtype="float32", name="fine_fit")
    _, a_from_b, _ = fit(x, inputs[2])
    start = keras.Model(model.input, outputs, name="start")
    return start, keras.Model(inputs, a_from_b, name="fine_stage")


def refine(model, **options):
    """A cascade whose coarse stage is followed by Lucas–Kanade, and by the fine one where need be.

    Args:
      model: of `build`; the weights are shared with it.
      **options: of `look_again.LookAgain`.

    Returns:
      A functional `keras.Model` of the same input and output.
    """
    look = look_again.LookAgain(*_parts(model), dtype="float32", name="look_again", **options)
    h4pt, *_ = look(model.input)
    return keras.Model(model.input, h4pt, name=f"{model.name}_refined")
