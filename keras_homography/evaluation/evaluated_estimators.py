"""Every estimator that can be evaluated, behind one signature and opened by its name.

Networks (`.keras` and `.tflite` files), `HomographyEstimator`, and the estimators of
`opencv_estimators` with those that a user has registered.
"""

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_homography import geometry, models
from keras_homography.evaluation import opencv_estimators
from keras_homography.evaluation.protocols import Protocol
from keras_homography.geometry import arrays
from keras_homography.models import homographynet_classifier
from keras_homography.registration import estimator
from keras_homography.saving import loading, networks, pretrained, signatures
from keras_homography.utils.errors import UserError

HOMOGRAPHY_ESTIMATOR = "estimator"


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedEstimator:
    """An estimator of batches of pairs.

    Attributes:
      name: as the user wrote it.
      predict: function from uint8 `[n, size, size, 2]`, channel 0 patch A and channel 1 patch B, to
        `h4pt`, `[n, 4, 2]`, pixels of the patch, NaN for a pair without an answer.
      parameters: of a `.keras` file; None for others.
      file_bytes: size of a network's file; None for others.
      predict_with_confidence: function from the same to `(h4pt, confidence)`, confidence `[n]`, 0
        to 1; None for estimators without a confidence.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    parameters: int | None = None
    file_bytes: int | None = None
    predict_with_confidence: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None


def from_function(name: str, estimate: opencv_estimators.PatchEstimator) -> EvaluatedEstimator:
    """Wrap a function of one pair.

    Args:
      name: of the estimator.
      estimate: function `(patch_a, patch_b) -> h4pt`, see `opencv_estimators`.

    Returns:
      The estimator, which runs it on one pair at a time.
    """

    def predict(patches: np.ndarray) -> np.ndarray:
        h4pt = np.full([len(patches), 4, 2], np.nan)
        for row, pair in zip(h4pt, patches, strict=True):
            predicted = estimate(*np.ascontiguousarray(np.moveaxis(pair, -1, 0)))
            if predicted is not None:
                row[:] = predicted
        return h4pt

    return EvaluatedEstimator(name, predict)


def from_homography_estimator(name: str, num_threads: int | None = None) -> EvaluatedEstimator:
    """Wrap `HomographyEstimator` with the shipped model; what it refuses has no answer.

    Args:
      name: of the estimator.
      num_threads: of the network; None for LiteRT's default.
    """
    run = estimator.HomographyEstimator(num_threads=num_threads).estimate

    def predict_with_confidence(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h4pt, confidence = np.full([len(patches), 4, 2], np.nan), np.zeros(len(patches))
        corners = arrays.corners(arrays.image_size(patches[0]))
        for number, pair in enumerate(patches):
            result = run(*np.moveaxis(pair, -1, 0))
            confidence[number] = result.confidence
            if result.a_from_b is not None:
                h4pt[number] = arrays.transform_points(result.a_from_b, corners) - corners
        return h4pt, confidence

    return EvaluatedEstimator(
        name,
        lambda patches: predict_with_confidence(patches)[0],
        predict_with_confidence=predict_with_confidence,
    )


def from_keras_file(
    name: str, path: pathlib.Path, protocol: Protocol, trust: bool = False
) -> EvaluatedEstimator:
    """Open a `.keras` file.

    A network whose input has another size than the patches of the protocol sees them resized, and
    the predicted matrix is rescaled with half-pixel centers, or its offsets are multiplied if the
    protocol says `paper_doubling`.

    Args:
      name: of the estimator.
      path: of the file.
      protocol: of `protocols.get_protocol`.
      trust: open it whatever it contains: see `saving.untrusted_models`.

    Raises:
      UserError: the file cannot be read, or is no network of pairs.
    """
    model = loading.load_model(path, trust)
    signatures.require(signatures.of_model(model), signatures.PAIRS, path)
    size, network_size = protocol.spec.patch_size, model.inputs[0].shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None, size, size, 2], tf.uint8)], autograph=False)
    def run(patches: tf.Tensor) -> tuple[tf.Tensor, ...]:
        h4pt, *others = tf.nest.flatten(model(_resize(patches, network_size), training=False))
        return _rescale(tf.cast(h4pt, tf.float32), network_size, protocol), *others

    def predict_with_confidence(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h4pt, probabilities = run(patches)
        confidences = homographynet_classifier.corner_confidences(probabilities.numpy())
        return h4pt.numpy(), confidences.mean(axis=1)

    return EvaluatedEstimator(
        name,
        lambda patches: run(patches)[0].numpy(),
        parameters=model.count_params(),
        file_bytes=path.stat().st_size,
        predict_with_confidence=predict_with_confidence if models.classifies(model) else None,
    )


def from_tflite_file(
    name: str,
    path: pathlib.Path,
    protocol: Protocol,
    num_threads: int | None = None,
    trust: bool = False,
) -> EvaluatedEstimator:
    """Open a TFLite file, which runs one pair at a time, as on a phone; resized as in Keras.

    Args:
      name: of the estimator.
      path: of the file.
      protocol: of `protocols.get_protocol`.
      num_threads: of LiteRT; None for its default.
      trust: open it wherever it comes from: see `saving.untrusted_models`.

    Raises:
      UserError: the file cannot be read, or is no network of pairs.
    """
    network = networks.open_network(path, num_threads, trust)
    size = network.patch_size

    def predict(patches: np.ndarray) -> np.ndarray:
        return np.concatenate([network(pair) for pair in patches[:, None].astype(np.float32)])

    def predict_resized(patches: np.ndarray) -> np.ndarray:
        h4pt = tf.constant(predict(_resize(patches, size).numpy()))
        return _rescale(h4pt, size, protocol).numpy()

    # Timed: patches of the network's own size do not go through TensorFlow.
    fits = size == protocol.spec.patch_size
    return EvaluatedEstimator(
        name, predict if fits else predict_resized, file_bytes=path.stat().st_size
    )


def open_estimators(
    names: Sequence[str],
    protocol: Protocol,
    num_threads: int | None = None,
    trust: bool = False,
) -> list[EvaluatedEstimator]:
    """Open estimators by their names.

    Example:
      >>> protocol = protocols.get_protocol("coco128")
      >>> shipped, sift = open_estimators(["homography", "sift_ransac"], protocol)

    Args:
      names: each a name of `opencv_estimators`, the path of a `.keras` or `.tflite` file, the name
        of a shipped model, "estimator" (`HomographyEstimator`), or "all" for all of OpenCV's that
        are installed.
      protocol: of `protocols.get_protocol`.
      num_threads: of TFLite files and `HomographyEstimator`; None for LiteRT's default.
      trust: open models' files whatever they contain and wherever they come from.

    Raises:
      UserError: a name is unknown or given twice, an estimator is not installed, or a model cannot
        be read, is not trusted or is no network of pairs.
    """
    expanded: list[str] = []
    for name in names:
        expanded += opencv_estimators.available_names() if name == "all" else [name]
    if not expanded:
        raise UserError("No estimator is given.")
    repeated = sorted(name for name, count in Counter(expanded).items() if count > 1)
    if repeated:
        raise UserError(f"An estimator is given twice: {', '.join(repeated)}.")
    return [_open_estimator(name, protocol, num_threads, trust) for name in expanded]


def _open_estimator(
    name: str, protocol: Protocol, num_threads: int | None, trust: bool
) -> EvaluatedEstimator:
    if name == HOMOGRAPHY_ESTIMATOR:
        return from_homography_estimator(name, num_threads)
    if name in opencv_estimators.ESTIMATORS:
        reason = opencv_estimators.unavailable_reason(name)
        if reason:
            raise UserError(reason)
        return from_function(name, opencv_estimators.ESTIMATORS[name])
    try:
        path = pretrained.resolve_model(name, (".keras", ".tflite"))
    except UserError as error:
        others = ", ".join((HOMOGRAPHY_ESTIMATOR, *opencv_estimators.ESTIMATORS))
        raise UserError(f"{error} Other estimators: {others}; 'all' is all of OpenCV's.") from None
    if path.suffix == ".tflite":
        return from_tflite_file(name, path, protocol, num_threads, trust)
    return from_keras_file(name, path, protocol, trust)


def _resize(patches: tf.Tensor, network_size: int) -> tf.Tensor:
    """Resize patches to the input of a network: to smaller ones by area, as OpenCV does."""
    patches = tf.cast(patches, tf.float32)
    if patches.shape[1] == network_size:
        return patches
    method = "area" if patches.shape[1] > network_size else "bilinear"
    return tf.image.resize(patches, [network_size, network_size], method)


def _rescale(h4pt: tf.Tensor, network_size: int, protocol: Protocol) -> tf.Tensor:
    """Convert offsets of a network's input to offsets of the protocol's patch."""
    size = protocol.spec.patch_size
    if size == network_size:
        return h4pt
    scale = size / network_size
    if protocol.paper_doubling:
        return h4pt * scale
    scales = tf.constant([scale, scale], tf.float32)
    a_from_b = geometry.rescale(geometry.matrix_from_h4pt(h4pt, network_size), scales, scales)
    return geometry.h4pt_from_matrix(a_from_b, size)
