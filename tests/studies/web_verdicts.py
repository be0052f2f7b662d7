"""Compare the answers of the page with those of the package on pairs of all kinds.

    cd keras_homography/web && npm ci && node build.mjs /tmp/built ../../tests/web/driver.mjs
    python tests/studies/web_verdicts.py /tmp/built/driver.cjs path/to/photos --pairs=2

The page's code runs in Node. Prints a line for each pair and a summary. Not part of the suite: it
needs photos and takes minutes.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.node_client import NodeClient  # noqa: E402

from keras_homography import HomographyEstimator  # noqa: E402
from keras_homography.evaluation import calibration_pairs  # noqa: E402
from keras_homography.geometry import arrays  # noqa: E402
from keras_homography.utils import image_input  # noqa: E402
from keras_homography.web import shared_constants  # noqa: E402


def main():
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver")
    parser.add_argument("dataset")
    parser.add_argument("--pairs", type=int, default=2, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    node = NodeClient(options.driver)
    wasm = "keras_homography/web/node_modules/@litertjs/core/wasm/litert_wasm_compat_internal.wasm"
    models = [str(ROOT / f"saved_models/{name}.tflite") for name in ("homography", "matcher")]
    node("start", shared_constants.collect(), str(ROOT / wasm), *models)
    estimator = HomographyEstimator(max_attempts=shared_constants.untilted_attempts())
    rows = []
    for pair in calibration_pairs.make_pairs(options.dataset, options.pairs, options.seed):
        a, b = (image_input.as_gray(image, "image") for image in (pair.image_a, pair.image_b))
        expected, answer = estimator.estimate(a, b), node("estimate", a, b, {})
        distance = None
        if expected.ok and answer["ok"]:
            corners = arrays.corners(arrays.image_size(b))
            moved = [
                arrays.transform_points(np.reshape(matrix, (3, 3)), corners)
                for matrix in (expected.a_from_b, answer["aFromB"])
            ]
            distance = float(np.linalg.norm(moved[0] - moved[1], axis=1).mean())
        rows.append(
            {
                "pair": pair.kind,
                "ok": [expected.ok, answer["ok"]],
                "reason": [expected.reason_code, answer["reasonCode"]],
                "confidence": [round(expected.confidence, 3), round(answer["confidence"], 3)],
                "start": [expected.start, answer["start"]],
                "distance": distance,
                "milliseconds": [round(expected.milliseconds), round(answer["milliseconds"])],
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    same = [row["ok"][0] == row["ok"][1] for row in rows]
    refused = [row for row in rows if row["ok"] == [False, False]]
    reasons = [row["reason"][0] == row["reason"][1] for row in refused]
    distances = [row["distance"] for row in rows if row["distance"] is not None]
    print(f"{len(rows)} pairs, the same verdict on {sum(same)}")
    print(f"{len(refused)} refused by both, for the same reason {sum(reasons)}")
    print(
        f"{len(distances)} answered by both; corners differ by a median of "
        f"{np.median(distances):.2g} px, at most {max(distances):.2g} px"
    )


if __name__ == "__main__":
    main()
