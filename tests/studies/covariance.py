"""Does `result.covariance` hold? Errors of rendered pairs, normalized by it.

    python tests/studies/covariance.py path/to/photos 1000 [PROTOCOL]

Prints a line of a Markdown table for each condition: the mean over pairs of the squared error of
the corners, normalized by the covariance and divided by 8, which is 1 if the covariance holds; and
the share of pairs within the chi-square's 50 and 95 %. Of pairs that are answered rightly: wrong
answers (over 3 px) are what the confidence is about. Not part of the suite: it takes an hour.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from keras_homography import HomographyEstimator
from keras_homography.evaluation import protocol_pairs, protocols
from keras_homography.evaluation.conditions import Condition
from keras_homography.geometry import arrays

_CONDITIONS = ("none", "noise", "blur", "low_light", "photometric", "occlusion")
_QUANTILES = (7.344, 15.507)  # of the chi-square of 8 degrees of freedom, at 50 and 95 %
_RIGHT = 3.0  # pixels


def main(photos, count, protocol_name="paper256"):
    protocol = protocols.get_protocol(protocol_name)
    source = protocol_pairs.open_source(protocol, photos)
    pairs = protocol_pairs.ProtocolPairs(protocol, source, int(count), seed=29)
    estimator = HomographyEstimator()
    square = arrays.corners((protocol.spec.patch_size,) * 2).astype(np.float32)
    print("| | pairs | median error, px | predicted, px | mean | within 50 % | within 95 % |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in _CONDITIONS:
        squares, errors, predicted = [], [], []
        for patches, h4pt in pairs.batches(Condition(name, float(name != "none"))):
            for patch, offsets in zip(patches, h4pt, strict=True):
                a, b = np.ascontiguousarray(np.moveaxis(patch, -1, 0))
                truth = cv2.getPerspectiveTransform(square, square + offsets)
                result = estimator.estimate(a, b)
                if not result or result.covariance is None:
                    continue
                error = arrays.transform_points(result.a_from_b, square)
                error -= arrays.transform_points(truth, square)
                if np.linalg.norm(error, axis=1).mean() < _RIGHT:
                    flat = error.ravel()
                    squares.append(flat @ np.linalg.solve(result.covariance, flat))
                    errors.append(np.linalg.norm(error, axis=1).mean())
                    predicted.append(np.sqrt(np.trace(result.covariance) / 4.0))
        squares = np.array(squares)
        within = " | ".join(f"{(squares < quantile).mean():.0%}" for quantile in _QUANTILES)
        figures = f"{np.median(errors):.4f} | {np.median(predicted):.4f}"
        print(f"| {name} | {len(squares)} | {figures} | {squares.mean() / 8:.2f} | {within} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
