"""What `HomographyEstimator` answers wrongly with the most confidence, as a picture.

    python tests/studies/worst_answers.py worst_answers.jpg [ROUNDS] [DATASET]

Of ROUNDS (5) times 140 traps and 100 pairs that no homography explains, from generated images: a
row is A, B, and aligned A in red over B in cyan. Not part of the suite: it takes minutes.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_homography.evaluation import (
    calibration_pairs,
    image_estimators,
    image_report,
    trap_measurement,
    traps,
)
from keras_homography.visualization import image_output

DRAWN = 3


def main(picture, rounds="5", dataset="synthetic"):
    estimators = image_estimators.open_image_estimators(["estimator"])
    wrong = []
    for seed in range(int(rounds)):
        pairs = [
            pair
            for pair in calibration_pairs.make_pairs(dataset, 50, 100 + seed)
            if pair.kind in traps.KINDS or "bent" in pair.kind
        ]
        outcomes, verdicts = trap_measurement.measure(estimators, pairs, len(pairs))
        for pair, outcome, verdict in zip(pairs, outcomes, verdicts, strict=True):
            if verdict == "wrong":
                wrong.append((pair, outcome))
                print(f"{pair.kind}: {outcome.answer.confidence:.2f}, {outcome.error:.0f} px")
    drawn = image_report.draw_wrong(wrong, "estimator", DRAWN)
    if drawn is None:
        sys.exit("No answer was wrong.")
    image_output.write_jpeg(picture, drawn)


if __name__ == "__main__":
    main(*sys.argv[1:])
