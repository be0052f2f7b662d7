"""Fits and checks the confidence of estimates, on pairs whose homography is known.

Pairs are those of the protocols under distortions at and beyond their default strength, some with B
turned by 90 degrees. And some to which no answer at all is right: patches of two different photos,
and B bent, as what is not one plane looks from somewhere else.
"""

import cv2
import keras
import numpy as np

from keras_homography.evaluation import protocols
from keras_homography.geometry import arrays
from keras_homography.registration import confidence, estimator

RIGHT = 3.0  # pixels: mean error of the corners below which an estimate is right
KINDS = [
    *(("coco128", name, strength, "same") for name, strength in (
        ("none", 0.0), ("photometric", 1.0), ("photometric", 2.0), ("occlusion", 1.0),
        ("occlusion", 2.0), ("low_light", 1.0),
    )),
    ("paper256", "none", 0.0, "same"),
    ("paper256", "photometric", 1.5, "same"),
    ("paper256", "occlusion", 1.5, "same"),
    ("coco128", "none", 0.0, "turned"),
    ("coco128", "none", 0.0, "bent"),
    ("paper256", "none", 0.0, "bent"),
    ("coco128", "none", 0.0, "other"),
    ("coco128", "photometric", 1.0, "other"),
    ("paper256", "none", 0.0, "other"),
]  # fmt: skip


def _bend(patch, generator):
    """A patch, uint8 `[size, size]`, each part of it moved otherwise, by some 4 to 10 % of it."""
    size = len(patch)
    moves = generator.normal(0.0, size * generator.uniform(0.04, 0.1), [4, 4, 2])
    field = cv2.resize(moves.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.indices((size, size), dtype=np.float32)
    return cv2.remap(
        patch, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )


def _pairs(protocol, source, count, distortion, strength, seed, kind):
    """Yields `(image_a, image_b, corners of B in A)`, None where no answer is right."""
    batches = protocols.batches(protocol, source, count, distortion, strength, seed)
    size = protocol.patch_size
    square = arrays.corners((size, size)).astype(np.float32)
    b_from_turned = np.array([[0, -1, size - 1], [1, 0, 0], [0, 0, 1]], np.float64)
    generator, before = np.random.default_rng(seed), None
    for patches, h4pt in batches:
        for pair, offsets in zip(patches, h4pt, strict=True):
            a, b = np.ascontiguousarray(np.moveaxis(pair, -1, 0))
            if kind == "same":
                yield a, b, square + offsets
            elif kind == "turned":
                a_from_b = cv2.getPerspectiveTransform(square, square + offsets)
                yield a, np.rot90(b), arrays.transform_points(a_from_b @ b_from_turned, square)
            elif kind == "bent":
                yield a, _bend(b, generator), None
            elif before is not None:
                yield a, before, None
            before = b


def measure(dataset, count, seed, kinds=KINDS):
    """Estimates pairs of every kind.

    Args:
      dataset: of `sources.open_source`.
      count: how many of each kind.
      seed: of the pairs.
      kinds: of `KINDS`.

    Returns:
      `(kinds, evidence, errors)`: of every pair its kind, `(protocol, distortion, strength, "same",
      "turned", "bent" or "other")`, what speaks for its best estimate,
      `alignment_evidence.Evidence`, and the mean error of its corners in pixels, infinite where
      no answer is right.
    """
    always = estimator.HomographyEstimator(least_confidence=0.0)
    of_pairs, evidence, errors = [], [], []
    progress = keras.utils.Progbar(count * len(kinds), unit_name="pair")
    opened = {}
    for kind in kinds:
        name, distortion, strength, what = kind
        protocol = protocols.get(name)
        if name not in opened:
            opened[name] = protocols.open_source(protocol, dataset)
        for a, b, quad in _pairs(protocol, opened[name], count, distortion, strength, seed, what):
            result = always.estimate(a, b)
            error = np.inf
            if result and quad is not None:
                found = arrays.transform_points(
                    result.a_from_b, arrays.corners(arrays.image_size(b))
                )
                error = np.linalg.norm(found - quad, axis=-1).mean()
            of_pairs.append(kind)
            evidence.append(result.evidence)
            errors.append(error)
            progress.add(1)
        progress.update(len(of_pairs))
    return of_pairs, evidence, np.array(errors)


def fit(evidence, errors, prior=1e-4):
    """Logistic regression by Newton's method.

    Args:
      evidence: of `measure`.
      errors: of `measure`.
      prior: on the squared weights of standardized features, a pair.

    Returns:
      `(weights, bias)`, as in `confidence`.
    """
    judged = [index for index, each in enumerate(evidence) if each.agreeing]
    x = np.array([confidence.features(evidence[index]) for index in judged])
    y = (errors[judged] < RIGHT).astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    penalty = prior * len(x) * np.diag([1.0] * x.shape[1] + [0.0])
    solution = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-z @ solution))
        hessian = (z * (p * (1.0 - p))[:, None]).T @ z + penalty + 1e-9 * np.eye(len(penalty))
        solution += np.linalg.solve(hessian, z.T @ (y - p) - penalty @ solution)
    weights = solution[:-1] / deviation
    return weights, solution[-1] - weights @ mean


def reliability(probabilities, right, bins=10):
    """How often estimates of about one confidence are right.

    Returns:
      A list of `(count, mean confidence, share that is right)`, one for every bin that is not
      empty.
    """
    number = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        (int(own.sum()), float(probabilities[own].mean()), float(right[own].mean()))
        for own in (number == index for index in range(bins))
        if own.any()
    ]
