"""Measure estimators on traps: protocol `traps`. Right, wrong, unsure and refused, and risk."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import keras
import numpy as np

from keras_homography.evaluation import metrics, traps
from keras_homography.evaluation.image_estimators import Answer, ImageEstimator
from keras_homography.evaluation.image_results import Outcome
from keras_homography.evaluation.labeled_pair_measurement import transfer_error
from keras_homography.geometry import arrays

RIGHT_PX, WRONG_PX = 3.0, 10.0
VERDICTS = ("right", "wrong", "unsure", "refused")


def overlap_error(b_from_a: np.ndarray | None, trap: traps.Trap) -> float:
    """Mean error at the corners of what both images show, in pixels of B.

    Args:
      b_from_a: `[3, 3]`, or None.
      trap: with the true matrix, or without: every answer is infinitely wrong then.
    """
    if trap.b_from_a is None:
        return np.inf
    size = arrays.image_size(trap.image_b)
    corners = arrays.corners(size).astype(np.float32)
    a_in_b = arrays.transform_points(trap.b_from_a, arrays.corners(size)).astype(np.float32)
    _, polygon = cv2.intersectConvexConvex(corners, a_in_b)
    points_b = polygon.reshape(-1, 2).astype(np.float64)
    points_a = arrays.transform_points(np.linalg.inv(trap.b_from_a), points_b)
    return transfer_error(b_from_a, points_a, points_b)


def judge(expected: str, answer: Answer, error: float) -> str:
    """Judge an answer: one of `VERDICTS`.

    Args:
      expected: of the trap.
      answer: what the estimator said.
      error: of `overlap_error`.
    """
    if not answer.answered:
        return "refused"
    if expected == traps.REFUSED or error > WRONG_PX:
        return "wrong"
    return "right" if error < RIGHT_PX else "unsure"


def name_of(trap: traps.Trap, number: int) -> str:
    """Name a trap by its kind and its number among all."""
    return f"{trap.kind} {number}"


def measure(
    estimators: Sequence[ImageEstimator], rendered: Iterable[traps.Trap], count: int
) -> tuple[list[Outcome], list[str]]:
    """Run every estimator on every trap, with a progress bar.

    Args:
      estimators: of `image_estimators.open_image_estimators`.
      rendered: of `traps.render_traps`.
      count: how many traps.

    Returns:
      `(outcomes, verdicts)`, of the same length.
    """
    outcomes, verdicts = [], []
    progress = keras.utils.Progbar(count, unit_name="trap")
    for number, trap in enumerate(rendered):
        images = [np.repeat(image[..., None], 3, axis=-1) for image in (trap.image_a, trap.image_b)]
        for estimator in estimators:
            begin = time.perf_counter()
            answer = estimator.estimate(*images)
            milliseconds = 1e3 * (time.perf_counter() - begin)
            error = overlap_error(answer.b_from_a, trap)
            name = name_of(trap, number)
            outcomes.append(Outcome(estimator.name, trap.kind, name, answer, error, milliseconds))
            verdicts.append(judge(trap.expected, answer, error))
        progress.add(1)
    return outcomes, verdicts


def risk_coverage(outcomes: Sequence[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """Error rate against the share answered, as the threshold of the confidence falls.

    Args:
      outcomes: of one estimator; those with a best matrix count, also where it was refused.

    Returns:
      `(coverage, risk)`, float64 `[n]` each: of the most confident k of all, for every k, their
      share of all and the share of them that is more than 3 px off.
    """
    found = [outcome for outcome in outcomes if outcome.answer.b_from_a is not None]
    confidence = np.array([outcome.answer.confidence for outcome in found])
    false = np.array([not outcome.error < RIGHT_PX for outcome in found], np.float64)
    order = np.argsort(-confidence, kind="stable")
    counts = np.arange(1, len(found) + 1)
    return counts / len(outcomes), np.cumsum(false[order]) / counts


def rows(outcomes: Sequence[Outcome], verdicts: Sequence[str]) -> list[dict[str, Any]]:
    """Summarize: a row for every estimator and kind, and one of all kinds (`kind` None).

    Args:
      outcomes: of `measure`.
      verdicts: of `measure`.
    """
    summarized = []
    pairs = list(zip(outcomes, verdicts, strict=True))
    for estimator in dict.fromkeys(outcome.estimator for outcome in outcomes):
        of_estimator = [pair for pair in pairs if pair[0].estimator == estimator]
        for kind in (None, *traps.KINDS):
            selected = [pair for pair in of_estimator if kind in (None, pair[0].kind)]
            if not selected:
                continue
            chosen = [outcome for outcome, _ in selected]
            coverage, risk = risk_coverage(chosen)
            wrong = [o.answer.confidence for o, verdict in selected if verdict == "wrong"]
            told = [o for o, _ in selected if o.answer.reason_code is not None]
            summarized.append(
                {
                    "estimator": estimator,
                    "protocol": "traps",
                    "kind": kind,
                    "expected": traps.KINDS[kind].expected if kind else None,
                    "pairs": len(selected),
                    **{name: sum(v == name for _, v in selected) for name in VERDICTS},
                    "wrong_confidences": sorted((round(c, 3) for c in wrong), reverse=True),
                    "refused_with_reason": len(told),
                    "reason_as_expected": sum(
                        o.answer.reason_code in traps.KINDS[o.kind].reasons for o in told
                    ),
                    "risk_coverage_area": float(np.trapezoid(risk, coverage))
                    if len(risk)
                    else None,
                    **metrics.summarize_times([outcome.milliseconds for outcome in chosen]),
                }
            )
    return summarized
