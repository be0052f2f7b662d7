"""Compare the estimator with SIFT + MAGSAC on the image pairs of Debian's package opencv-doc.

    python tests/studies/real_pairs.py /usr/share/doc/opencv-doc/examples/data

Prints a Markdown table. Not part of the suite: it needs those files. "Answer" is the initialization
of the result, or why it is refused. The error is the mean distance of the corners of A in B, in
pixels, where the truth is known: `graf` comes with it, and the camera of `vtest.avi` stands still.
"""

import pathlib
import sys
import time

import cv2
import numpy as np

from keras_homography import HomographyEstimator
from keras_homography.geometry import arrays
from keras_homography.registration import feature_matching
from keras_homography.utils import image_input

_MAX_RATIO = 0.8  # of Lowe's test
_STILL = np.eye(3)
_GRAF = [
    [7.6285898e-01, -2.9922929e-01, 2.2567123e02],
    [3.3443473e-01, 1.0143901e00, -7.6999973e01],
    [3.4663091e-04, -1.4364524e-05, 1.0],
]
# Files, or frames of a video; the truth if it is known; what is seen.
_PAIRS = [
    ("graf1.png", "graf3.png", np.array(_GRAF), "a wall, 40 degrees around it"),
    *(
        ("vtest.avi:0", f"vtest.avi:{n}", _STILL, "people before a still camera")
        for n in (100, 700)
    ),
    ("tree.avi:0", "tree.avi:30", None, "a tree from a moving camera"),
    ("box.png", "box_in_scene.png", None, "a box among others, turned, a tenth of A"),
    ("imageTextN.png", "imageTextR.png", None, "turned text"),
    ("ela_original.jpg", "ela_modified.jpg", None, "an image cut and edited"),
    ("rubberwhale1.png", "rubberwhale2.png", None, "things that move a little"),
    ("basketball1.png", "basketball2.png", None, "a player, a moving camera"),
    ("Blender_Suzanne1.jpg", "Blender_Suzanne2.jpg", None, "a rendered scene from two places"),
    ("aloeL.jpg", "aloeR.jpg", None, "stereo of a plant"),
    ("left01.jpg", "right01.jpg", None, "stereo, near and far"),
    ("left01.jpg", "left02.jpg", None, "a chessboard moved before a room"),
    ("left.jpg", "right.jpg", None, "stereo, near and far"),
    ("leuvenA.jpg", "leuvenB.jpg", None, "a street from two places"),
    ("aero1.jpg", "aero3.jpg", None, "a town from the air, from two places"),
    ("fruits.jpg", "baboon.jpg", None, "different images"),
    ("home.jpg", "building.jpg", None, "different images"),
    ("apple.jpg", "orange.jpg", None, "different images"),
    ("messi5.jpg", "butterfly.jpg", None, "different images"),
]


def _read(folder, name):
    file, _, frame = name.partition(":")
    if not frame:
        return image_input.read_image(folder / file)
    frames, _ = image_input.read_video(folder / file)
    return next(image for number, image in frames if number == int(frame))


def _sift_magsac(image_a, image_b):
    """`b_from_a`, or None."""
    detector = cv2.SIFT.create(contrastThreshold=0.01)
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (image_a, image_b)]
    (points_a, descriptors_a), (points_b, descriptors_b) = (
        detector.detectAndCompute(gray, None) for gray in grays
    )
    matches = feature_matching.match_by_ratio(descriptors_a, descriptors_b, _MAX_RATIO)
    if len(matches) < 4:
        return None
    source = np.float32([points_a[match.queryIdx].pt for match in matches])
    target = np.float32([points_b[match.trainIdx].pt for match in matches])
    return feature_matching.find_homography(source, target, cv2.USAC_MAGSAC, 1.0)


def _timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, 1e3 * (time.perf_counter() - start)


def _error(b_from_a, truth, size):
    if b_from_a is None:
        return "none"
    if truth is None:
        return ""
    square = arrays.corners(size)
    moved = arrays.transform_points(b_from_a, square) - arrays.transform_points(truth, square)
    return f"{np.linalg.norm(moved, axis=1).mean():.2f}"


def main(folder):
    estimator = HomographyEstimator()
    print("| A, B | what | answer | confidence | error, px | SIFT + MAGSAC | ms | SIFT + MAGSAC |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for name_a, name_b, truth, what in _PAIRS:
        image_a, image_b = _read(folder, name_a), _read(folder, name_b)
        result, ours = _timed(estimator.estimate, image_a, image_b)
        sift, theirs = _timed(_sift_magsac, image_a, image_b)
        size = arrays.image_size(image_a)
        cells = [
            f"`{name_a}`, `{name_b}`",
            what,
            result.start if result.ok else f"refused: `{result.reason_code}`",
            f"{result.confidence:.3f}",
            _error(result.b_from_a, truth, size) if truth is not None else "",
            _error(sift, truth, size),
            f"{ours:.0f}",
            f"{theirs:.0f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
