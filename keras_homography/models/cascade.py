"""Cascade: a coarse and a fine stage of correlation and homography fit. Small, made for CPUs."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_homography.layers import correlation, homography_fit, look_again, patch_features
from keras_homography.utils.errors import UserError

_COARSE_STRIDE = 8  # pixels a cell
_FINE_REACH = 3  # cells of the fine stage's displacements
_FINE_LAYERS = ("fine1", "fine2", "fine3", "fine_displacements")

_Layer = Callable[[keras.KerasTensor], keras.KerasTensor]


def _convolution(channels: int, size: int, strides: int, name: str) -> _Layer:
    """Build convolution, batch normalization and ReLU as one function, to call several times."""
    layers = [
        keras.layers.Conv2D(
            channels, size, strides, padding="same", use_bias=False, name=f"{name}_convolution"
        ),
        keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_norm"),
        keras.layers.ReLU(name=f"{name}_relu"),
    ]
    return lambda x: _chain(layers, x)


def _displacements(name: str) -> keras.layers.Layer:
    """Build the last layer of a stage: small at first, so that every stage begins near identity."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Conv2D(5, 1, kernel_initializer=small, dtype="float32", name=name)


def _chain(layers: Sequence[_Layer], x: keras.KerasTensor) -> keras.KerasTensor:
    for layer in layers:
        x = layer(x)
    return x


def _check_options(patch_size: int, width: float, fine_steps: int) -> None:
    if patch_size < 32 or patch_size % 16:
        raise UserError(
            f"patch_size must be a multiple of 16, at least 32, for cascade; got {patch_size}."
        )
    if not width > 0:
        raise UserError(f"width must be above 0; got {width}.")
    if fine_steps < 0:
        raise UserError(f"fine_steps must be at least 0; got {fine_steps}.")


def _encoder(
    patches: Sequence[keras.KerasTensor], channels: Callable[[int], int]
) -> tuple[list[keras.KerasTensor], list[keras.KerasTensor]]:
    """Describe patches A and B with the same weights.

    Args:
      patches: A and B, `[n, size, size, 1]`, standardized.
      channels: from the number of channels at width 1 to that of the model.

    Returns:
      `(fine, coarse)`, features of A and B each, at a stride of 4 and of 8 pixels.
    """
    trunk = [
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
    encoded = [_chain(trunk, patch) for patch in patches]
    fine = [
        keras.layers.Identity(name=f"fine_{name}")(_chain(fine_head, x))
        for name, x in zip("ab", encoded, strict=True)
    ]
    return fine, [_chain(coarse_head, x) for x in encoded]


def _coarse_stage(
    features: Sequence[keras.KerasTensor],
    patch_size: int,
    rho: float,
    channels: Callable[[int], int],
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Fit a homography to the displacements of coarse cells, up to rho: `(h4pt, a_from_b)`."""
    features_a, features_b = features
    margin = keras.layers.ZeroPadding2D(math.ceil(rho / _COARSE_STRIDE), name="coarse_margin")
    x = correlation.Correlation(name="coarse_correlation")(features_b, margin(features_a))
    layers = [
        _convolution(channels(48), 1, 1, "coarse1"),
        _convolution(channels(48), 3, 1, "coarse2"),
        _convolution(channels(48), 3, 1, "coarse3"),
        _convolution(channels(48), 3, 1, "coarse4"),
        _displacements("coarse_displacements"),
    ]
    fit = homography_fit.FitHomography(patch_size, dtype="float32", name="coarse_fit")
    h4pt, a_from_b, _ = fit(_chain(layers, x))
    return h4pt, a_from_b


def _correlate_fine(
    features_a: keras.KerasTensor, features_b: keras.KerasTensor, a_from_b: keras.KerasTensor
) -> keras.KerasTensor:
    """Correlate fine features of B with those of A, warped by a homography."""
    sampled = patch_features.SampleFeatures(_FINE_REACH)(features_a, a_from_b)
    return correlation.BlockCorrelation()(features_b, sampled)


def _fine_stage(
    features: Sequence[keras.KerasTensor],
    h4pt: keras.KerasTensor,
    a_from_b: keras.KerasTensor,
    patch_size: int,
    fine_steps: int,
    channels: Callable[[int], int],
) -> keras.KerasTensor:
    """Improve a homography on fine features, several times with the same weights: `h4pt`."""
    features_a, features_b = features
    layers = [
        _convolution(channels(48), 1, 1, "fine1"),
        _convolution(channels(48), 3, 1, "fine2"),
        _convolution(channels(48), 3, 1, "fine3"),
        _displacements("fine_displacements"),
    ]
    for number in range(1, fine_steps + 1):
        x = _correlate_fine(features_a, features_b, a_from_b)
        fit = homography_fit.FitHomography(patch_size, dtype="float32", name=f"fine_fit{number}")
        h4pt, a_from_b, _ = fit(_chain(layers, x), a_from_b)
    return h4pt


def build(
    patch_size: int = 128, rho: float = 40, width: float = 1.0, fine_steps: int = 3
) -> keras.Model:
    """Build the cascade.

    A shared encoder describes both patches, at a stride of 4 and of 8 pixels. The coarse stage
    correlates every cell of B with the cells of A around the same place, predicts a displacement
    and its information (inverse covariance) for each, and fits a homography to all of them. The
    fine stage does the same at the finer stride around that homography, several times with the same
    weights. Correlation as in FlowNet (Dosovitskiy et al. 2015), stages and their supervision as in
    IHN (Cao et al. 2022); the fit in place of a dense head is ours: it needs fewer training pairs
    and no weights.

    Args:
      patch_size: side of the patches, in pixels, a multiple of 16.
      rho: the most that a corner moves along x and y, in pixels: the reach of the coarse stage.
      width: factor on the number of channels of every hidden layer.
      fine_steps: how often the fine stage runs.

    Returns:
      A functional `keras.Model`: float32 `[n, patch_size, patch_size, 2]`, gray levels in 0..255,
      channel 0 patch A and channel 1 patch B -> `h4pt`, float32 `[n, 4, 2]`, pixels.

    Raises:
      UserError: a number is out of its range.
    """
    _check_options(patch_size, width, fine_steps)

    def channels(full: int) -> int:
        return max(8, 8 * round(full * width / 8))

    pairs = keras.Input((patch_size, patch_size, 2), dtype="float32", name="pairs")
    patches = patch_features.StandardizePatches(dtype="float32", name="standardize")(pairs)
    fine, coarse = _encoder(patches, channels)
    h4pt, a_from_b = _coarse_stage(coarse, patch_size, rho, channels)
    h4pt = _fine_stage(fine, h4pt, a_from_b, patch_size, fine_steps, channels)
    return keras.Model(pairs, h4pt, name="cascade")


def _split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Split a cascade into its coarse part and its fine stage, with the same weights.

    Args:
      model: of `build`.

    Returns:
      `(start, stage)` as `look_again.LookAgain` takes them: `pairs -> (features_a, features_b,
      a_from_b)`, and from these to `a_from_b`.
    """
    _, coarse, _ = model.get_layer("coarse_fit").output
    outputs = [*(model.get_layer(f"fine_{name}").output for name in "ab"), coarse]
    inputs = [keras.Input(output.shape[1:], dtype=output.dtype) for output in outputs]
    x = _correlate_fine(*inputs)
    for layer in model.layers:
        if layer.name.startswith(_FINE_LAYERS):
            x = layer(x)
    fit = homography_fit.FitHomography(model.input_shape[1], dtype="float32", name="fine_fit")
    _, a_from_b, _ = fit(x, inputs[2])
    start = keras.Model(model.input, outputs, name="start")
    return start, keras.Model(inputs, a_from_b, name="fine_stage")


def refine(model: keras.Model, **options: Any) -> keras.Model:
    """Attach Lucas–Kanade to a cascade, whose fine stage then runs only where it is needed.

    Args:
      model: of `build`.
      **options: of `look_again.LookAgain`.

    Returns:
      A functional `keras.Model` of the same input and output, with the same weights.
    """
    layer = look_again.LookAgain(*_split(model), dtype="float32", name="look_again", **options)
    h4pt, *_ = layer(model.input)
    return keras.Model(model.input, h4pt, name=f"{model.name}_refined")
