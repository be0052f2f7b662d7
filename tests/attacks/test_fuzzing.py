"""A short run of what `test_attacks.py` does for long: any input, a valid answer or a reason."""

import collections
from concurrent import futures

import cv2
import numpy as np
from helpers import fuzzing
from helpers.warped_pairs import warped_pair

import keras_homography
from keras_homography.utils import image_input


def test_any_input_gives_an_answer_a_reason_or_a_useful_error(small_estimator):
    outcomes = collections.Counter(fuzzing.check(small_estimator, i) for i in range(150))
    assert min(outcomes[name] for name in ("answered", "refused", "no image")) > 5


def image_bytes(photo):
    """A photo in every format that is read."""
    small = cv2.cvtColor(cv2.resize(photo, (48, 36)), cv2.COLOR_GRAY2RGB)
    suffixes = (".jpg", ".png", ".bmp", ".tif", ".webp", ".gif")
    return [cv2.imencode(suffix, small)[1].tobytes() for suffix in suffixes]


def test_damaged_files_are_images_or_refused(images, tmp_path):
    files = image_bytes(images[1])
    outcomes = collections.Counter()
    for number in range(400):
        path = tmp_path / f"{number}"
        path.write_bytes(fuzzing.mutated(number, files))
        try:
            image = image_input.read_image(path)
        except ValueError as error:
            outcomes["refused"] += 1
            assert str(path) in str(error)  # noqa: PT017
            continue
        outcomes["read"] += 1
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
    assert min(outcomes.values()) > 20


def test_eight_threads_share_an_estimator(images):
    estimator = keras_homography.HomographyEstimator()
    photos = [np.ascontiguousarray(images[i % 4][..., 0]) for i in range(8)]
    pairs = [warped_pair(photo, i, reach=14.0)[:2] for i, photo in enumerate(photos)]
    alone = [estimator.estimate(*pair) for pair in pairs]
    with futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: estimator.estimate(*pairs[i % 8]), range(32)))
    assert sum(map(bool, alone)) >= 6
    for number, found in enumerate(together):
        expected = alone[number % 8]
        assert bool(found) == bool(expected)
        assert found.confidence == expected.confidence
        if found:
            np.testing.assert_array_equal(found.homography, expected.homography)
