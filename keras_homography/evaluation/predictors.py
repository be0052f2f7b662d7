"""Everything that can be measured, networks and OpenCV's estimators alike, behind one signature."""

import dataclasses
import pathlib
from collections.abc import Callable

import cv2
import numpy as np
import tensorflow as tf

from keras_homography import geometry, models
from keras_homography.evaluation import opencv_estimators
from keras_homography.geometry import arrays
from keras_homography.models import homographynet_classifier
from keras_homography.registration import estimator
from keras_homography.saving import loading, networks, pretrained
from keras_homography.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class Predictor:
    """An estimator of batches of pairs.

    Attributes:
      name: as given by the user.
      predict: function from uint8 `[n, size, size, 2]`, channel 0 patch A, channel 1 patch B, to
        `h4pt`, `[n, 4, 2]`, pixels of the patch, NaN where it finds nothing.
      parameters: of a network; None for others.
      file_bytes: size of a network's file; None for others.
      predict_with_confidence: function from the same to `(h4pt, confidence)`, `[n]` in 0..1; None
        for those that do not say how sure they are.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    parameters: int | None = None
    file_bytes: int | None = None
    predict_with_confidence: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None


def from_function(name, estimate):
    """A predictor that runs `estimate(patch_a, patch_b)` of `baselines` on one pair at a time."""

    def predict(patches):
        h4pt = np.full([len(patches), 4, 2], np.nan)
        for row, pair in zip(h4pt, patches, strict=True):
            # Anew for every pair, so that results do not depend on the pairs before.
            cv2.setRNGSeed(0)
            found = estimate(*np.ascontiguousarray(np.moveaxis(pair, -1, 0)))
            if found is not None:
                row[:] = found
        return h4pt

    return Predictor(name, predict)


def from_file(name, path, protocol, paper_doubling=False, trust=False):
    """A predictor that runs a network.

    Where the patches of the protocol are larger than the network's input they are resized by area,
    and the predicted matrix is rescaled with half-pixel centers.

    Args:
      name: of the predictor.
      path: of a `.keras` file.
      protocol: of `protocols.get`.
      paper_doubling: multiply the offsets by the ratio of the sizes instead of rescaling the
        matrix, as DeTone et al. 2016 do; a quarter of a pixel less exact on average.
      trust: see `saving.untrusted_models`.

    Returns:
      `Predictor`.

    Raises:
      ValueError: the file cannot be read, or its input or output does not fit the protocol.
    """
    model = loading.load_model(path, trust)
    size, network_size = protocol.patch_size, model.inputs[0].shape[1]
    fitting = sorted({size, protocol.network_size})
    if network_size not in fitting:
        raise UserError(
            f"{path} takes patches of {network_size} pixels; protocol {protocol.name} needs a "
            f"model of {' or '.join(map(str, fitting))}."
        )

    @tf.function(input_signature=[tf.TensorSpec([None, size, size, 2], tf.uint8)], autograph=False)
    def run(patches):
        patches = tf.cast(patches, tf.float32)
        if network_size != size:
            patches = tf.image.resize(patches, [network_size, network_size], "area")
        h4pt, *others = tf.nest.flatten(model(patches, training=False))
        h4pt = tf.cast(h4pt, tf.float32)
        if network_size == size:
            return h4pt, *others
        scale = size / network_size
        if paper_doubling:
            return h4pt * scale, *others
        a_from_b = geometry.matrix_from_h4pt(h4pt, network_size)
        scales = tf.constant([scale, scale], tf.float32)
        rescaled = geometry.rescale(a_from_b, scales, scales)
        return geometry.h4pt_from_matrix(rescaled, size), *others

    def predict_with_confidence(patches):
        h4pt, probabilities = run(patches)
        confidences = homographynet_classifier.corner_confidences(probabilities.numpy())
        return h4pt.numpy(), confidences.mean(axis=1)

    return Predictor(
        name,
        lambda patches: run(patches)[0].numpy(),
        parameters=model.count_params(),
        file_bytes=pathlib.Path(path).stat().st_size,
        predict_with_confidence=predict_with_confidence if models.classifies(model) else None,
    )


def from_estimator(name, threads=None):
    """A predictor that runs the shipped `HomographyEstimator`; what it refuses is not returned."""
    run = estimator.HomographyEstimator(threads=threads).estimate

    def predict_with_confidence(patches):
        h4pt, confidence = np.full([len(patches), 4, 2], np.nan), np.zeros(len(patches))
        corners = arrays.corners(arrays.image_size(patches[0]))
        for number, pair in enumerate(patches):
            cv2.setRNGSeed(0)  # as in `from_function`
            result = run(*np.moveaxis(pair, -1, 0))
            confidence[number] = result.confidence
            if result:
                h4pt[number] = arrays.transform_points(result.a_from_b, corners) - corners
        return h4pt, confidence

    return Predictor(
        name,
        lambda patches: predict_with_confidence(patches)[0],
        predict_with_confidence=predict_with_confidence,
    )


def from_tflite(name, path, protocol, threads=None, trust=False):
    """A predictor that runs a TFLite file, one pair at a time, as a phone does.

    Args:
      name: of the predictor.
      path: of a `.tflite` file.
      protocol: of `protocols.get`; its patches must be of the size of the network's input.
      threads: how many to run on; None for LiteRT's default.
      trust: see `saving.untrusted_models`.

    Returns:
      `Predictor`.

    Raises:
      ValueError: the file cannot be read, or its input or output does not fit the protocol.
    """
    run = networks.open_network(path, threads, trust)
    network_size = run.patch_size
    if network_size != protocol.patch_size:
        raise UserError(
            f"{path} takes patches of {network_size} pixels; protocol {protocol.name} needs a "
            f"model of {protocol.patch_size}."
        )

    def predict(patches):
        pairs = patches[:, None].astype(np.float32)
        return np.concatenate([run(pair) for pair in pairs])

    return Predictor(name, predict, file_bytes=pathlib.Path(path).stat().st_size)


def _open_one(name, protocol, paper_doubling, threads, trust):
    if name == "estimator":
        return from_estimator(name, threads)
    if name in opencv_estimators.ESTIMATORS:
        reason = opencv_estimators.why_unavailable(name)
        if reason:
            raise UserError(reason)
        return from_function(name, opencv_estimators.ESTIMATORS[name])
    try:
        path = pretrained.resolve_model(name, (".keras", ".tflite"))
    except UserError as error:
        raise UserError(
            f"{error} Other estimators: estimator, {', '.join(opencv_estimators.ESTIMATORS)}; "
            "'all' is all of OpenCV's."
        ) from None
    if path.suffix == ".tflite":
        return from_tflite(name, path, protocol, threads, trust)
    return from_file(name, path, protocol, paper_doubling, trust)


def open_all(names, protocol, paper_doubling=False, threads=None, trust=False):
    """Opens estimators by their names.

    Args:
      names: each a key of `opencv_estimators.ESTIMATORS`, the path of a `.keras` or `.tflite`
        file, the name of a shipped model, "estimator", or "all" for all of
        OpenCV's that are installed.
      protocol: of `protocols.get`.
      paper_doubling: see `from_file`.
      threads: see `from_tflite`.
      trust: see `saving.untrusted_models`.

    Returns:
      A list of `Predictor`.

    Raises:
      ValueError: a name is unknown or given twice, an estimator is not installed, or a model
        cannot be read, is not trusted or does not fit.
    """
    installed = [
        name for name in opencv_estimators.ESTIMATORS if not opencv_estimators.why_unavailable(name)
    ]
    expanded = [each for name in names for each in (installed if name == "all" else [name])]
    if not expanded:
        raise UserError("No estimator is given.")
    twice = {name for name in expanded if expanded.count(name) > 1}
    if twice:
        raise UserError(f"An estimator is given twice: {', '.join(sorted(twice))}.")
    return [_open_one(name, protocol, paper_doubling, threads, trust) for name in expanded]
