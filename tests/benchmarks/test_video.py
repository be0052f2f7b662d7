"""The benchmark of videos: what is simulated, KLT, and what is made of tracks."""

import cv2
import numpy as np
import pytest

from keras_homography.benchmarks import klt_tracking, simulated_videos, video
from keras_homography.benchmarks.simulated_videos import VideoKind
from keras_homography.geometry import arrays

SIZE = (160, 120)
KIND = VideoKind(*SIZE, frames=4, tremor=0.01)


def worlds(kind):
    """Two images of smoothed noise, which KLT can track."""
    width, height = kind.world_size
    noise = np.random.default_rng(0).uniform(0, 255, [2, height, width]).astype(np.float32)
    smooth = [cv2.GaussianBlur(image, (0, 0), 2.0) for image in noise]
    return [cv2.normalize(image, None, 40, 215, cv2.NORM_MINMAX).astype("u1") for image in smooth]


@pytest.fixture(scope="module")
def simulated():
    return simulated_videos.simulate(*worlds(KIND), KIND, seed=1)


def test_a_video_is_a_pure_function_of_its_seed(simulated):
    again = simulated_videos.simulate(*worlds(KIND), KIND, seed=1)
    other = simulated_videos.simulate(*worlds(KIND), KIND, seed=2)
    np.testing.assert_array_equal(simulated.frames, again.frames)
    np.testing.assert_array_equal(simulated.a_from_frames, again.a_from_frames)
    assert simulated.frames.shape == (4, 120, 160)
    assert np.abs(simulated.a_from_frames - other.a_from_frames).max() > 1.0  # pixels


def test_the_truth_aligns_the_frames_with_a(simulated):
    for frame, a_from_b in zip(simulated.frames, simulated.a_from_frames, strict=True):
        aligned, covered = arrays.warp_image(simulated.image_a, np.linalg.inv(a_from_b), SIZE)
        unmoved = simulated.image_a

        def correlation(image):
            return np.corrcoef(image[covered].ravel(), frame[covered].ravel())[0, 1]  # noqa: B023

        assert correlation(aligned) > 0.97
        assert correlation(aligned) > correlation(unmoved) + 0.01


def test_an_occluder_covers_its_share_of_a_and_of_every_frame():
    kind = VideoKind(*SIZE, frames=4, occluder=0.2)
    world, thing = worlds(kind)
    plain = simulated_videos.simulate(world, thing, VideoKind(*SIZE, frames=4), seed=1)
    occluded = simulated_videos.simulate(world, thing, kind, seed=1)
    np.testing.assert_array_equal(plain.a_from_frames, occluded.a_from_frames)
    for one, other in zip(
        [plain.image_a, *plain.frames], [occluded.image_a, *occluded.frames], strict=True
    ):
        differs = cv2.blur(cv2.absdiff(one, other).astype(np.float32), (9, 9)) > 12.0
        assert 0.12 < differs.mean() < 0.28


def test_klt_tracks_points_and_detects_new_ones(simulated, monkeypatch):
    def errors():
        answers = klt_tracking.track(simulated.image_a, simulated.frames)
        return [
            video._error(answer, truth, SIZE)
            for answer, truth in zip(answers, simulated.a_from_frames, strict=True)
        ]

    assert max(errors()) < 1.0
    monkeypatch.setattr(klt_tracking, "_MIN_SHARE", 2.0)  # every time
    assert max(errors()) < 1.5


def test_klt_refuses_what_has_no_points():
    flat = np.full(SIZE[::-1], 128, np.uint8)
    assert list(klt_tracking.track(flat, [flat, flat])) == [None, None]


class Truth:
    """An estimator that knows the truth of a video, but refuses its first frame."""

    def __init__(self, simulated):
        self._answers = [None, *simulated.a_from_frames[1:]]

    def estimate_sequence(self, image_a, frames):
        for answer, _ in zip(self._answers, frames, strict=True):
            yield type("Result", (), {"a_from_b": answer})


def test_both_sides_see_every_frame_and_are_compared(simulated):
    ours, reference = video.track_in_turns(simulated, Truth(simulated))
    rows = list(video.summarize("calm", [ours], [reference], 1))
    values = {row["case"]: row["value"] for row in rows}
    assert list(values) == [
        f"calm, {name}"
        for name in ("speed", "99th percentile", "median error", "answered", "over 3 px")
    ]
    assert values["calm, median error"] == 0.0
    assert values["calm, answered"] == 75.0
    assert {row["reference"] for row in rows} == {"KLT + MAGSAC"}
    answered = next(row for row in rows if row["case"] == "calm, answered")
    assert (answered["reference_value"], answered["ratio"]) == (100.0, 0.75)  # more is better
    # Both are never wrong: there is no ratio.
    assert rows[-1]["ratio"] is None


def test_an_error_is_that_of_the_corners_in_a():
    shift = np.array([[1, 0, 3], [0, 1, 4], [0, 0, 1.0]])
    assert video._error(shift, np.eye(3), SIZE) == 5.0
    assert np.isnan(video._error(None, np.eye(3), SIZE))
