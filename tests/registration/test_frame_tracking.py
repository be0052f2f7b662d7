"""The frames of videos: tracked against A, lost and found."""

import numpy as np
import pytest
from helpers.warped_pairs import corner_error

from keras_homography.benchmarks import simulated_videos
from keras_homography.benchmarks.simulated_videos import VideoKind
from keras_homography.geometry import arrays
from keras_homography.registration import (
    agreement_memory,
    dominant_motion,
    image_pyramid,
    lucas_kanade_level,
)

SIZE = (320, 240)
KIND = VideoKind(*SIZE, frames=10)


def simulate(scenes, kind):
    width, height = kind.world_size
    return simulated_videos.simulate(*(scene[:height, :width] for scene in scenes), kind, seed=3)


def errors(results, video):
    return [
        corner_error(result.a_from_b, truth, SIZE)
        for result, truth in zip(results, video.a_from_frames, strict=True)
    ]


@pytest.fixture(scope="module")
def video(scenes):
    return simulate(scenes, KIND)


def test_frames_are_tracked_against_a_without_drift(estimator, video):
    results = list(estimator.estimate_sequence(video.image_a, video.frames))
    assert [result.start for result in results] == ["identity"] + 9 * ["previous"]
    assert max(errors(results, video)) < 0.15
    assert min(result.confidence for result in results) > 0.9
    for result in results:
        assert result.attempts == 1
        assert result.covariance.shape == (8, 8)


def test_a_fast_pan_is_predicted(estimator, scenes):
    frames = [scenes[0][100:340, x : x + 320] for x in range(0, 180, 12)]
    results = list(estimator.estimate_sequence(frames[0], frames[1:]))
    for number, result in enumerate(results, start=1):
        shift = np.array([[1, 0, 12 * number], [0, 1, 0], [0, 0, 1.0]])
        # The first two are far from where they are expected, without a velocity.
        assert corner_error(result.a_from_b, shift, SIZE) < (0.05 if number > 3 else 0.3)
    assert {result.start for result in results[3:]} == {"previous"}


def test_another_scene_is_refused_and_the_first_is_found_again(estimator, scenes, video):
    stranger = np.ascontiguousarray(scenes[1][300:540, 400:720])
    frames = [*video.frames[:2], stranger, *video.frames[6:8]]
    results = list(estimator.estimate_sequence(video.image_a, frames))
    assert [result.ok for result in results] == [True, True, False, True, True]
    assert results[2].attempts <= 3
    truths = video.a_from_frames[[0, 1, 6, 7]]
    for result, truth in zip((results[i] for i in (0, 1, 3, 4)), truths, strict=True):
        assert corner_error(result.a_from_b, truth, SIZE) < 0.15


def test_what_moves_before_the_camera_is_not_followed(estimator, scenes):
    video = simulate(scenes, VideoKind(*SIZE, frames=10, occluder=0.2))
    results = list(estimator.estimate_sequence(video.image_a, video.frames))
    assert max(errors(results, video)) < 0.5
    # It does not send frames into a search.
    assert sum(result.start == "previous" for result in results) >= 8


def test_answers_do_not_depend_on_the_frames_after(estimator, video):
    few = list(estimator.estimate_sequence(video.image_a, video.frames[:3]))
    more = list(estimator.estimate_sequence(video.image_a, iter(video.frames[:4])))
    for one, other in zip(few, more, strict=False):
        np.testing.assert_array_equal(one.a_from_b, other.a_from_b)
        assert one.confidence == other.confidence


def test_masks_and_motion_hold_for_every_frame(estimator, scenes):
    a = scenes[0][100:340, 100:420]
    frames = [scenes[0][100:340, x : x + 320].copy() for x in (102, 104)]
    mask = np.ones(SIZE[::-1], np.uint8)
    mask[:, :100] = 0
    for frame in frames:
        frame[:, :100] = 128
    results = estimator.estimate_sequence(a, frames, mask_b=mask, motion="translation")
    for shift, result in zip((2, 4), results, strict=True):
        expected = np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1.0]])
        np.testing.assert_allclose(result.a_from_b, expected, atol=0.02)


def test_cells_that_move_otherwise_than_most_do_not_follow(scenes):
    a = scenes[0][:240, :320]
    b = a.copy()
    b[60:180, 90:230] = a[60:180, 92:232]  # 2 pixels aside: a fifth of it
    level = lucas_kanade_level.Level(a, b)
    cells = dominant_motion.find_followers(level, np.eye(3))
    x, y = level.x * level.half + 159.5, level.y * level.half + 119.5
    moved = (x > 105) & (x < 215) & (y > 75) & (y < 165)
    follows = cells[dominant_motion.cells(level)]
    textured = np.hypot(level.gradient_x, level.gradient_y) / level.half > 8
    assert follows[moved & textured].mean() < 0.4
    unmoved = (x < 75) | (x > 245) | (y < 45) | (y > 195)
    assert follows[unmoved & textured].mean() > 0.7


def test_flat_images_have_no_dominant_motion():
    flat = np.full((120, 160), 90, np.uint8)
    assert dominant_motion.find_followers(lucas_kanade_level.Level(flat, flat), np.eye(3)) is None


def test_what_did_not_agree_lately_counts_less(scenes):
    a = np.ascontiguousarray(scenes[0][:240, :320])
    b = a.copy()
    b[:, :160] = scenes[1][:240, :160]
    memory = agreement_memory.AgreementMemory()
    pair = agreement_memory.RememberingPair(
        *map(image_pyramid.prepare, (a, b)), image_pyramid.Motion.HOMOGRAPHY, memory
    )
    for _ in range(10):
        pair.remember(np.eye(3))
    level = lucas_kanade_level.Level(a, b)
    weights = memory.weights(level, np.eye(3))
    left = level.x < 0
    assert weights[left].mean() < 0.5 * weights[~left].mean()
    assert 0.0 <= weights.min() <= weights.max() <= 1.0


def test_a_weight_of_zero_is_a_mask(scenes):
    a, b = scenes[0][:240, :320], scenes[1][:240, :320]
    level = lucas_kanade_level.Level(a, b)
    weighted = level.weighted(np.zeros(len(level.x), np.float32))
    assert not weighted.sample(np.eye(3))[3].any()
    assert level.sample(np.eye(3))[3].any()
    assert arrays.image_size(weighted.gray_a) == SIZE
