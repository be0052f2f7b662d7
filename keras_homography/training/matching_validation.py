"""Validation of a matcher: homographies from its matches against the true ones."""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from keras_homography.data import matching_pairs
from keras_homography.registration import dense_matching, feature_matching
from keras_homography.training.validation import Predict
from keras_homography.visualization import match_figures

_MAX_DRAWN = 8
_MAX_ERROR = 20.0  # pixels: what is lost counts as much, however far off
_THRESHOLD = 3.0  # pixels, of an inlier


class MatchingValidation:
    """Pairs with known homographies, measured after MAGSAC++ on the matches.

    The error of a pair is the mean distance, over the cells of A that B shows, of where the
    estimated homography puts them from where they are.

    Args:
      batches: Finite batches from `matching_pairs.validation_batches`.
    """

    criterion = "error"
    title = "mean error on validation pairs, at most 20 (px)"

    def __init__(self, batches: Iterable[tuple[tf.Tensor, Any]]) -> None:
        all_patches, all_positions, all_visible = [], [], []
        for patches, (_, positions, visible) in batches:
            all_patches.append(patches.numpy())
            all_positions.append(positions.numpy())
            all_visible.append(visible.numpy())
        self.patches = np.concatenate(all_patches)
        self._positions = np.concatenate(all_positions)
        self._visible = np.concatenate(all_visible)
        self._centers = matching_pairs.cell_centers(self.patches.shape[1]).numpy()

    def measure(self, predict: Predict) -> tuple[dict[str, float], np.ndarray]:
        """Match the pairs: see `ValidationSet.measure`."""
        errors, drawn = [], []
        batches = tf.data.Dataset.from_tensor_slices(self.patches).batch(16)
        matches = [matched for batch in batches for matched in _match_batch(predict(batch))]
        for number, matched in enumerate(matches):
            b_from_a, inliers = feature_matching.fit_homography(
                matched.points_a, matched.points_b, _THRESHOLD
            )
            errors.append(self._error(number, b_from_a))
            if number < _MAX_DRAWN:
                patch_a, patch_b = np.moveaxis(self.patches[number].astype(np.uint8), -1, 0)
                drawn.append(
                    match_figures.draw(
                        patch_a, patch_b, matched.points_a, matched.points_b, inliers
                    )
                )
        return self._summarize(np.array(errors)), np.vstack(drawn)

    def identity(self) -> dict[str, float]:
        """Return the figures of the identity: see `ValidationSet.identity`."""
        pairs = range(len(self.patches))
        return self._summarize(np.array([self._error(number, np.eye(3)) for number in pairs]))

    def describe(self, dataset: str, summary: dict[str, float], identity: dict[str, float]) -> str:
        """Return the shares as a sentence: see `ValidationSet.describe`."""
        shares = ", ".join(f"{summary[f'under_{limit}px']:.1%} within {limit}" for limit in (3, 5))
        return (
            f"Homographies of {len(self.patches)} validation pairs ({dataset}) from matches: "
            f"{shares} and {summary['under_10px']:.1%} within 10 px; identity "
            f"{identity['under_10px']:.1%}."
        )

    def _error(self, number: int, b_from_a: np.ndarray | None) -> float:
        visible = self._visible[number]
        if b_from_a is None:
            return np.inf
        if not visible.any():
            return 0.0
        points = cv2.perspectiveTransform(self._centers[visible][None].astype(float), b_from_a)[0]
        distance = np.linalg.norm(points - self._positions[number][visible], axis=1).mean()
        return float(distance) if np.isfinite(distance) else np.inf

    def _summarize(self, errors: np.ndarray) -> dict[str, float]:
        shares = {f"under_{limit}px": float((errors < limit).mean()) for limit in (3, 5, 10)}
        return {"error": float(np.minimum(errors, _MAX_ERROR).mean()), **shares}


def _match_batch(outputs: list[tf.Tensor]) -> list[dense_matching.Matches]:
    """Match the pairs of a batch from the features of all A, then of all B."""
    coarse, fine, reliability = (output.numpy() for output in outputs)
    features = [
        dense_matching.Features(*parts)
        for parts in zip(coarse, fine, reliability[..., 0], strict=True)
    ]
    count = len(features) // 2
    pairs = zip(features[:count], features[count:], strict=True)
    return [dense_matching.match(a, b) for a, b in pairs]
