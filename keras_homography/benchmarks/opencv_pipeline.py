"""Make pairs with OpenCV in Python: the reference of the `pipeline` benchmark.

    python -m keras_homography.benchmarks.opencv_pipeline FOLDER WIDTH HEIGHT PATCH_SIZE RHO

For every line on standard input, a number of seconds, makes pairs for that long and prints how many
it made a second.
"""

import pathlib
import sys
import time

import cv2
import numpy as np

from keras_homography.data.pair_spec import PairSpec
from keras_homography.geometry import arrays
from keras_homography.utils import image_input

_SUFFIXES = (*image_input.JPEG_SUFFIXES, ".png")  # that our pipeline reads


def make_pair(
    path: str, spec: PairSpec, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Decode an image file and make one pair from it.

    Args:
      path: of an image file.
      spec: sizes and range of the pair.
      random: generator of the position and the offsets.

    Returns:
      `(patches, h4pt)`: float32 `[patch_size, patch_size, 2]`, gray levels in 0..255; float32
      `[4, 2]`, pixels.
    """
    size, rho = spec.patch_size, spec.rho
    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    image = cv2.resize(image, (spec.image_width, spec.image_height), interpolation=cv2.INTER_AREA)
    x = random.integers(rho, spec.image_width - size - rho + 1)
    y = random.integers(rho, spec.image_height - size - rho + 1)
    square = arrays.corners((size, size)).astype(np.float32)
    square += np.array([x, y], np.float32)
    h4pt = random.uniform(-rho, rho, (4, 2)).astype(np.float32)
    b_from_a = cv2.getPerspectiveTransform(square + h4pt, square)
    warped = cv2.warpPerspective(image, b_from_a, (spec.image_width, spec.image_height))
    crop = np.s_[y : y + size, x : x + size]
    return np.dstack([image[crop], warped[crop]]).astype(np.float32), h4pt


def main(folder: str, spec: PairSpec) -> None:
    """Answer every line on standard input by a rate, pairs a second."""
    cv2.setNumThreads(1)  # one process a core
    random = np.random.default_rng()
    paths = [str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    paths = [path for path in paths if path.lower().endswith(_SUFFIXES)]
    for line in sys.stdin:
        count, begin = 0, time.perf_counter()
        while (passed := time.perf_counter() - begin) < float(line):
            make_pair(paths[random.integers(len(paths))], spec, random)
            count += 1
        print(count / passed, flush=True)


if __name__ == "__main__":
    width, height, patch_size, rho = map(int, sys.argv[2:])
    main(sys.argv[1], PairSpec(patch_size, rho, width, height))
