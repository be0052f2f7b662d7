"""A short run of what `studies/campaign.py` does for long: a valid answer, or a reason."""

import collections
from concurrent import futures

import numpy as np
import pytest
from helpers import fuzzed_files, fuzzing
from helpers.warped_pairs import warped_pair

import keras_homography


@pytest.mark.long
def test_any_input_gives_an_answer_a_reason_or_a_useful_error(small_estimator):
    outcomes = collections.Counter(fuzzing.check(small_estimator, i) for i in range(150))
    assert min(outcomes[name] for name in ("answered", "refused", "no image")) > 5


def test_damaged_images_are_read_or_refused(images, tmp_path):
    files = fuzzed_files.image_files(images[1, ..., 0])
    outcomes = collections.Counter(
        fuzzed_files.check_image(number, files, tmp_path) for number in range(400)
    )
    assert min(outcomes["read"], outcomes["refused"]) > 20


def test_damaged_videos_are_read_or_refused(images, tmp_path):
    files = fuzzed_files.video_files(images[1, ..., 0], tmp_path)
    outcomes = collections.Counter(
        fuzzed_files.check_video(number, files, tmp_path) for number in range(150)
    )
    assert min(outcomes["read"], outcomes["refused"]) > 20


def test_a_damaged_pair_costs_no_other(images, tmp_path):
    outcomes = collections.Counter(
        fuzzed_files.check_pairs(number, images[1, ..., 0], tmp_path / str(number))
        for number in range(100)
    )
    assert min(outcomes["read"], outcomes["skipped"]) > 10


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
