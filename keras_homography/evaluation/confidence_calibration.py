"""Fit and check the confidence of `HomographyEstimator` on pairs whose homography is known.

Pairs are those of the protocols under distortions at and beyond their default strength, some with B
turned by 90 degrees. And some that no homography explains: patches of two different images, and B
warped by a random smooth displacement field, as what is not one plane looks from another viewpoint.
"""

import importlib.util
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import cv2
import keras
import numpy as np
import numpy.typing as npt

from keras_homography.evaluation import protocol_pairs, protocols
from keras_homography.evaluation.conditions import Condition
from keras_homography.evaluation.config import CalibrateConfig
from keras_homography.geometry import arrays
from keras_homography.registration import alignment_evidence, confidence, estimator
from keras_homography.utils.errors import UserError
from keras_homography.visualization import image_output, reliability_diagram

MAX_ERROR = 3.0  # pixels: mean error of the corners below which an estimate is correct
_MIN_CONFIDENCE = 0.5  # of the estimator, by default
_FIT_SEED, _VALIDATION_SEED = 1, 2


class PairKind(NamedTuple):
    """How pairs are made.

    Attributes:
      protocol: name of a protocol.
      distortion: of `conditions.NAMES`.
      strength: of the distortion.
      second_image: what B is: "same" as of the protocol, "turned" by 90 degrees, "bent", or of an
        "other" image; the last two have no homography.
    """

    protocol: str
    distortion: str
    strength: float
    second_image: Literal["same", "turned", "bent", "other"]


KINDS = (
    PairKind("coco128", "none", 0.0, "same"),
    PairKind("coco128", "photometric", 1.0, "same"),
    PairKind("coco128", "photometric", 2.0, "same"),
    PairKind("coco128", "occlusion", 1.0, "same"),
    PairKind("coco128", "occlusion", 2.0, "same"),
    PairKind("coco128", "low_light", 1.0, "same"),
    PairKind("paper256", "none", 0.0, "same"),
    PairKind("paper256", "photometric", 1.5, "same"),
    PairKind("paper256", "occlusion", 1.5, "same"),
    PairKind("coco128", "none", 0.0, "turned"),
    PairKind("coco128", "none", 0.0, "bent"),
    PairKind("paper256", "none", 0.0, "bent"),
    PairKind("coco128", "none", 0.0, "other"),
    PairKind("coco128", "photometric", 1.0, "other"),
    PairKind("paper256", "none", 0.0, "other"),
)


class Measurements(NamedTuple):
    """Estimates of pairs.

    Attributes:
      kinds: of every pair.
      evidence: for the best homography of every pair.
      errors: `[n]`, mean error of the corners in pixels; infinite where no homography is correct.
    """

    kinds: Sequence[PairKind]
    evidence: Sequence[alignment_evidence.Evidence]
    errors: npt.NDArray[np.float64]


def _bend(patch: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Warp a patch, uint8 `[size, size]`, by a random smooth field, 4 to 10 % of its side."""
    size = len(patch)
    moves = generator.normal(0.0, size * generator.uniform(0.04, 0.1), [4, 4, 2])
    field = cv2.resize(moves.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.indices((size, size), dtype=np.float32)
    return cv2.remap(
        patch, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )


def _pairs_of_kind(
    pairs: protocol_pairs.ProtocolPairs, kind: PairKind
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield `(image_a, image_b, corners of B in A)`, None where no homography is correct."""
    size = pairs.protocol.spec.patch_size
    square = arrays.corners((size, size)).astype(np.float32)
    b_from_turned = np.array([[0, -1, size - 1], [1, 0, 0], [0, 0, 1]], np.float64)
    generator, previous_b = np.random.default_rng(pairs.seed), None
    for patches, h4pt in pairs.batches(Condition(kind.distortion, kind.strength)):
        for pair, offsets in zip(patches, h4pt, strict=True):
            a, b = np.ascontiguousarray(np.moveaxis(pair, -1, 0))
            if kind.second_image == "same":
                yield a, b, square + offsets
            elif kind.second_image == "turned":
                a_from_b = cv2.getPerspectiveTransform(square, square + offsets)
                yield a, np.rot90(b), arrays.transform_points(a_from_b @ b_from_turned, square)
            elif kind.second_image == "bent":
                yield a, _bend(b, generator), None
            elif previous_b is not None:
                yield a, previous_b, None
            previous_b = b


def measure(dataset: str, count: int, seed: int, kinds: Sequence[PairKind] = KINDS) -> Measurements:
    """Estimate pairs of every kind with the shipped model, with a progress bar.

    Args:
      dataset: of `sources.open_source`.
      count: of pairs of each kind; one less of those of an "other" image.
      seed: of the pairs.
      kinds: how they are made.
    """
    always = estimator.HomographyEstimator(min_confidence=0.0)
    of_pairs, evidence, errors = [], [], []
    progress = keras.utils.Progbar(count * len(kinds), unit_name="pair")
    sources = {}
    for kind in kinds:
        protocol = protocols.get_protocol(kind.protocol)
        if protocol.name not in sources:
            sources[protocol.name] = protocol_pairs.open_source(protocol, dataset)
        pairs = protocol_pairs.ProtocolPairs(protocol, sources[protocol.name], count, seed)
        for a, b, true_quad in _pairs_of_kind(pairs, kind):
            result = always.estimate(a, b)
            error = np.inf
            if result.a_from_b is not None and true_quad is not None:
                quad = arrays.transform_points(
                    result.a_from_b, arrays.corners(arrays.image_size(b))
                )
                error = np.linalg.norm(quad - true_quad, axis=-1).mean()
            of_pairs.append(kind)
            evidence.append(result.evidence)
            errors.append(error)
            progress.add(1)
        progress.update(len(of_pairs))
    return Measurements(of_pairs, evidence, np.array(errors))


def _check_scikit_learn() -> None:
    if not importlib.util.find_spec("sklearn"):
        raise UserError(
            "Calibration needs scikit-learn: pip install 'keras-homography[calibrate]'."
        )


def fit(
    evidence: Sequence[alignment_evidence.Evidence],
    errors: npt.NDArray[np.float64],
    prior: float = 1e-4,
) -> tuple[npt.NDArray[np.float64], float]:
    """Fit the weights of `registration.confidence` by logistic regression.

    Args:
      evidence: of `measure`; that without an agreeing window is left out.
      errors: of `measure`, `[n]`, pixels.
      prior: a pair's share of the penalty on the squared weights of standardized features.

    Returns:
      `(weights, bias)`: float64 `[5]`, of `confidence.features`, and a number.

    Raises:
      UserError: scikit-learn is not installed.
    """
    _check_scikit_learn()
    from sklearn import linear_model, preprocessing

    judged = [index for index, e in enumerate(evidence) if e.agreeing]
    features = np.array([confidence.features(evidence[index]) for index in judged])
    scaler = preprocessing.StandardScaler().fit(features)
    regression = linear_model.LogisticRegression(
        C=1.0 / (prior * len(judged)), tol=1e-8, max_iter=10_000
    )
    regression.fit(scaler.transform(features), errors[judged] < MAX_ERROR)
    weights = regression.coef_[0] / scaler.scale_
    return weights, float(regression.intercept_[0] - weights @ scaler.mean_)


def reliability(
    probabilities: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], bins: int = 10
) -> list[tuple[int, float, float]]:
    """Compute how often estimates of about one confidence are correct.

    Args:
      probabilities: `[n]`, the confidences.
      correct: `[n]`.
      bins: number of equal intervals of the confidence.

    Returns:
      `(count, mean confidence, share that is correct)` of every bin that is not empty.

    Raises:
      UserError: scikit-learn is not installed.
    """
    _check_scikit_learn()
    from sklearn import calibration

    shares, confidences = calibration.calibration_curve(correct, probabilities, n_bins=bins)
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]  # as scikit-learn's, which returns no counts
    counts = np.bincount(np.searchsorted(edges, probabilities))
    return [
        (int(count), float(mean), float(share))
        for count, mean, share in zip(counts[counts > 0], confidences, shares, strict=True)
    ]


def run(config: CalibrateConfig) -> dict[str, Any]:
    """Fit the confidence on one dataset, check the constants in place on another, and print both.

    Args:
      config: see there.

    Returns:
      `weights` and `bias` of the fit, None without one; `brier` score, `refused` and `wrong`
      shares by `PairKind` and `bins` of the reliability diagram, for the constants in place.

    Raises:
      UserError: a dataset or folder cannot be used, or scikit-learn is not installed.
    """
    _check_scikit_learn()
    weights, bias = None, None
    if config.dataset is not None:
        _, evidence, errors = measure(config.dataset, config.pairs, _FIT_SEED)
        weights, bias = fit(evidence, errors)
        print(f"WEIGHTS = np.array({np.round(weights, 3).tolist()})\nBIAS = {bias:.3f}")

    kinds, evidence, errors = measure(config.validation_dataset, config.pairs, _VALIDATION_SEED)
    probabilities = np.array([confidence.probability(e) for e in evidence])
    correct, answered = errors < MAX_ERROR, probabilities >= _MIN_CONFIDENCE
    brier = float(np.mean((probabilities - correct) ** 2))
    print(f"Brier score {brier:.4f} on {len(errors)} pairs")
    print("| protocol | distortion | strength | B | refused | answered and over 3 px |")
    print("|---|---|---:|---|---:|---:|")
    refused, wrong = {}, {}
    for kind in dict.fromkeys(kinds):
        of_kind = np.array([k == kind for k in kinds])
        refused[kind] = float(np.mean(~answered[of_kind]))
        wrong[kind] = float(np.mean(answered[of_kind] & ~correct[of_kind]))
        print(f"| {' | '.join(map(str, kind))} | {refused[kind]:.1%} | {wrong[kind]:.1%} |")
    bins = reliability(probabilities, correct)
    path = pathlib.Path(config.output_dir) / "reliability.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image_output.write_png(path, reliability_diagram.draw(bins))
    print(path)
    return {
        "weights": weights,
        "bias": bias,
        "brier": brier,
        "refused": refused,
        "wrong": wrong,
        "bins": bins,
    }
