"""Pairs as they are made with OpenCV in Python: what `pipeline` is compared with.

    python -m keras_homography.benchmarks.opencv_pipeline FOLDER WIDTH HEIGHT PATCH_SIZE RHO

For every line on standard input, seconds, makes pairs for that long and prints how many a second.
"""

import pathlib
import sys
import time

import cv2
import numpy as np

from keras_homography.geometry import arrays


def make_pair(path, width, height, patch_size, rho, random):
    """Decodes a photo and makes one pair of it: float32 `[patch_size, patch_size, 2]`, and h4pt."""
    photo = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    x = random.integers(rho, width - patch_size - rho + 1)
    y = random.integers(rho, height - patch_size - rho + 1)
    square = arrays.corners((patch_size, patch_size)).astype(np.float32)
    square += np.array([x, y], np.float32)
    h4pt = random.uniform(-rho, rho, (4, 2)).astype(np.float32)
    b_from_a = cv2.getPerspectiveTransform(square + h4pt, square)
    warped = cv2.warpPerspective(photo, b_from_a, (width, height))
    crop = np.s_[y : y + patch_size, x : x + patch_size]
    return np.dstack([photo[crop], warped[crop]]).astype(np.float32), h4pt


def main(folder, width, height, patch_size, rho):
    cv2.setNumThreads(1)  # one process a core
    random = np.random.default_rng()
    paths = [str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    paths = [path for path in paths if path.lower().endswith((".jpg", ".jpeg", ".png"))]
    for line in sys.stdin:
        count, begin = 0, time.perf_counter()
        while (passed := time.perf_counter() - begin) < float(line):
            path = paths[random.integers(len(paths))]
            make_pair(path, width, height, patch_size, rho, random)
            count += 1
        print(count / passed, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
