"""`HomographyEstimator` and its matcher: matches without a verdict, and how long it tries."""

import pickle
from concurrent import futures

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

import keras_homography
from keras_homography.evaluation import protocol_pairs, protocols
from keras_homography.evaluation.conditions import Condition
from keras_homography.geometry import arrays
from keras_homography.registration import view_matching
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

SIZE = (400, 300)


@pytest.fixture(scope="module")
def quick():
    """An estimator that ends soon, but not before MAGSAC++ has needed random numbers."""
    return keras_homography.HomographyEstimator(max_attempts=3)


@pytest.fixture(scope="module")
def warped(scenes):
    """`(a, b, a_from_b)`."""
    return warped_pair(scenes[0], 5, reach=40.0, size=SIZE)


@pytest.fixture(scope="module")
def different(scenes):
    return tuple(np.ascontiguousarray(scene[:240, :320]) for scene in scenes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_attempts": 0}, "max_attempts must be at least 1; got 0"),
        ({"max_attempts": -3}, "max_attempts"),
        ({"max_seconds": 0}, "max_seconds must be above 0, or None; got 0"),
        ({"max_seconds": -1.0}, "max_seconds"),
        ({"max_seconds": float("nan")}, "max_seconds"),
        ({"min_confidence": -0.1}, "min_confidence must be in 0..1"),
        ({"matcher": "none"}, "no model 'none'"),
        ({"matcher": ""}, "empty"),
        ({"matcher": "homography"}, "homography.tflite"),
        ({"model": "matcher"}, "matcher.tflite"),
    ],
)
def test_what_cannot_be_used_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        keras_homography.HomographyEstimator(**options)


def test_the_matcher_may_be_named_or_a_path(estimator, warped):
    path = files.packaged_file("saved_models", "matcher.tflite")
    expected = estimator.match(*warped[:2])
    for matcher in ("matcher", path, str(path)):
        named = keras_homography.HomographyEstimator(matcher=matcher, num_threads=1)
        points = named.match(*warped[:2])
        np.testing.assert_allclose(points.points_b, expected.points_b, atol=1e-3)


def test_an_easy_pair_takes_one_attempt(estimator, warped):
    a, b, a_from_b = warped
    assert estimator.estimate(a, b).attempts == 1
    assert estimator.estimate(a, b, initial_a_from_b=a_from_b).attempts == 1
    wrong = np.array([[1, 0, 350], [0, 1, 0], [0, 0, 1]], np.float64)
    assert estimator.estimate(a, b, initial_a_from_b=wrong).attempts == 2


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_a_refusal_counts_its_attempts(different, max_attempts):
    limited = keras_homography.HomographyEstimator(max_attempts=max_attempts)
    result = limited.estimate(*different)
    assert not result
    assert result.attempts == max_attempts


def test_ten_are_tried_by_default(estimator, different):
    assert estimator.estimate(*different).attempts == 10


def test_seconds_limit_the_attempts(different):
    limited = keras_homography.HomographyEstimator(max_seconds=1e-9)
    result = limited.estimate(*different)
    assert not result
    assert result.attempts == 1


def test_more_attempts_find_what_few_do_not(scenes):
    """A quarter turn: beyond the network, and beyond the matches of plain views."""
    a = np.ascontiguousarray(scenes[0][:300, :400])
    b = np.ascontiguousarray(np.rot90(a))
    expected = np.array([[0, -1, 399], [1, 0, 0], [0, 0, 1]], np.float64)
    few = keras_homography.HomographyEstimator(max_attempts=1).estimate(a, b)
    many = keras_homography.HomographyEstimator().estimate(a, b)
    assert not few
    assert many, many.reason
    assert 1 < many.attempts <= 10
    assert corner_error(many.a_from_b, expected, (300, 400)) < 0.1


def test_matches_of_a_warped_image_agree_with_its_homography(estimator, warped):
    a, b, a_from_b = warped
    points = estimator.match(a, b)
    count = len(points.points_a)
    assert count > 300
    assert points.points_a.shape == points.points_b.shape == (count, 2)
    assert points.scores.shape == points.inliers.shape == (count,)
    assert points.inliers.dtype == bool
    assert ((points.scores >= 0.0) & (points.scores <= 1.0)).all()
    assert points.inliers.mean() > 0.8
    errors = np.linalg.norm(
        arrays.transform_points(a_from_b, points.points_b) - points.points_a, axis=1
    )
    assert (errors[points.inliers] < 3.0).mean() > 0.9
    b_from_a, _ = cv2.findHomography(points.points_a, points.points_b, cv2.USAC_MAGSAC, 3.0)
    assert corner_error(np.linalg.inv(b_from_a), a_from_b, SIZE) < 2.0


def test_matches_of_a_turned_image_are_in_its_own_pixels(estimator, warped):
    a = warped[0]
    points = estimator.match(a, np.rot90(a))
    x, y = points.points_a.T
    errors = np.linalg.norm(points.points_b - np.stack([y, SIZE[0] - 1 - x], axis=1), axis=1)
    assert (errors[points.inliers] < 3.0).mean() > 0.9
    assert points.inliers.sum() > 80


def test_the_matches_are_those_of_the_best_views(estimator, matcher, warped):
    a, b, _ = warped
    points = estimator.match(a, b)
    features = [view_matching.ImageFeatures(matcher, [image]) for image in (a, b)]
    best = view_matching.ViewMatcher(*features).find_best(10)
    np.testing.assert_array_equal(points.points_a, best.matches.points_a)
    np.testing.assert_array_equal(points.inliers, best.inliers)


def generated_images():
    """Images that give a matcher nothing, or trouble, by name."""
    generator = np.random.default_rng(0)
    strip = generator.integers(0, 256, [20, 800], np.uint8)
    return {
        "flat": np.full([200, 300], 90, np.uint8),
        "one pixel": np.zeros([1, 1], np.uint8),
        "small": generator.integers(0, 256, [16, 16], np.uint8),
        "8000x200": cv2.resize(strip, (8000, 200), interpolation=cv2.INTER_CUBIC),
        "noise": generator.integers(0, 256, [300, 400], np.uint8),
    }


@pytest.mark.parametrize("name", generated_images())
def test_unusual_images_raise_nothing_and_are_refused(estimator, warped, name):
    unusual = generated_images()[name]
    for a, b in ((unusual, warped[0]), (warped[0], unusual)):
        result = estimator.estimate(a, b)
        assert not result
        assert result.reason
        assert result.homography is None
        points = estimator.match(a, b)
        count = len(points.points_a)
        assert points.points_a.shape == points.points_b.shape == (count, 2)
        assert points.scores.shape == points.inliers.shape == (count,)
        assert points.inliers.sum() < 80


@pytest.mark.parametrize("name", ["flat", "one pixel"])
def test_images_without_content_have_no_matches_and_take_no_attempt(estimator, warped, name):
    unusual = generated_images()[name]
    assert len(estimator.match(unusual, warped[0]).points_a) == 0
    assert estimator.estimate(unusual, warped[0]).attempts == 0


def test_what_is_no_image_is_named(estimator, warped):
    with pytest.raises(UserError, match="image_b"):
        estimator.match(warped[0], np.zeros([3, 4, 5, 6]))


def answers(estimator, pairs):
    return [(estimator.estimate(a, b), estimator.match(a, b)) for a, b in pairs]


def check_equal(first, second):
    for (result, points), (other, other_points) in zip(first, second, strict=True):
        np.testing.assert_array_equal(result.best_a_from_b, other.best_a_from_b)
        assert result.confidence == other.confidence
        assert result.start == other.start
        for name in ("points_a", "points_b", "scores", "inliers"):
            np.testing.assert_array_equal(getattr(points, name), getattr(other_points, name))


def test_threads_that_share_an_estimator_get_the_same_answers(quick, warped, different):
    pairs = [warped[:2], different]
    expected = answers(quick, pairs)
    check_equal(answers(quick, pairs), expected)
    with futures.ThreadPoolExecutor(2) as pool:
        for answer in pool.map(lambda _: answers(quick, pairs), range(2)):
            check_equal(answer, expected)


def test_opencvs_random_numbers_are_neither_used_nor_changed(quick, different):
    def draw():
        return cv2.randu(np.zeros(16), 0, 1).tolist()

    found = []
    for seed in (3, 4):
        cv2.setRNGSeed(seed)
        expected = draw()
        cv2.setRNGSeed(seed)
        found.append(answers(quick, [different]))
        assert draw() == expected
    check_equal(*found)


def test_an_estimator_is_pickled_with_its_limits(warped, different):
    limited = keras_homography.HomographyEstimator(max_attempts=2, min_confidence=0.1)
    restored = pickle.loads(pickle.dumps(limited))
    assert restored.estimate(*different).attempts == 2
    check_equal(answers(restored, [warped[:2]]), answers(limited, [warped[:2]]))


def test_matches_can_be_pickled(estimator, warped):
    points = estimator.match(*warped[:2])
    restored = pickle.loads(pickle.dumps(points))
    np.testing.assert_array_equal(restored.points_b, points.points_b)


@pytest.mark.long
@pytest.mark.parametrize("distortion", ["photometric", "occlusion"])
def test_light_and_covers_cost_no_precision(estimator, distortion):
    protocol = protocols.get_protocol("coco128")
    source = protocol_pairs.open_source(protocol, "synthetic")
    pairs = protocol_pairs.ProtocolPairs(protocol, source, count=24)
    patches, h4pt = pairs.collect(Condition(distortion, 1.0))
    square = arrays.corners((128, 128))
    for pair, offsets in zip(patches, h4pt, strict=True):
        a_from_b = estimator.estimate(pair[..., 0], pair[..., 1]).best_a_from_b
        moved = arrays.transform_points(a_from_b, square)
        assert np.linalg.norm(moved - square - offsets, axis=1).mean() < 0.4
