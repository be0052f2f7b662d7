"""What estimators answered to pairs of images, and the rows of metrics that are made of it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_homography.evaluation import metrics
from keras_homography.evaluation.image_estimators import Answer

RIGHT_PX = (3, 5, 10)
AUC_PX = (1, 3, 5, 10)
WRONG_PX = 20.0


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """One estimator's answer to one pair.

    Attributes:
      estimator: its name.
      kind: of the pair.
      name: of the pair.
      answer: what it said.
      error: of its best matrix, in pixels of B; infinite if it has none, or no matrix is right.
      milliseconds: that it took.
    """

    estimator: str
    kind: str
    name: str
    answer: Answer
    error: float
    milliseconds: float


def _row(estimator: str, kind: str | None, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    answered = np.array([outcome.answer.answered for outcome in outcomes])
    errors = np.array([o.error if o.answer.answered else np.inf for o in outcomes])
    return {
        "estimator": estimator,
        "protocol": "pairs",
        "kind": kind,
        "pairs": len(outcomes),
        **{f"right_{px}px": int((errors <= px).sum()) for px in RIGHT_PX},
        "wrong": int((answered & ~(errors <= WRONG_PX)).sum()),
        "refused": int((~answered).sum()),
        # The exact area below the share of pairs against their error, up to the threshold.
        **{f"auc_{px}": float(np.clip(1.0 - errors / px, 0.0, 1.0).mean()) for px in AUC_PX},
        **metrics.summarize_times([outcome.milliseconds for outcome in outcomes]),
    }


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Summarize outcomes: a row for every estimator and kind, and one of all kinds (`kind` None).

    Args:
      outcomes: of all estimators on the same pairs.
    """
    summarized = []
    for estimator in dict.fromkeys(outcome.estimator for outcome in outcomes):
        of_estimator = [outcome for outcome in outcomes if outcome.estimator == estimator]
        summarized.append(_row(estimator, None, of_estimator))
        for kind in dict.fromkeys(outcome.kind for outcome in of_estimator):
            of_kind = [outcome for outcome in of_estimator if outcome.kind == kind]
            summarized.append(_row(estimator, kind, of_kind))
    return summarized
