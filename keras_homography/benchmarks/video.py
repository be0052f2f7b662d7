"""Benchmark of videos: `estimate_sequence` against KLT + MAGSAC++, on simulated ones."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_homography.benchmarks import interleaved_timing, klt_tracking, simulated_videos
from keras_homography.benchmarks.simulated_videos import Video, VideoKind
from keras_homography.data import sources
from keras_homography.geometry import arrays
from keras_homography.registration.estimator import HomographyEstimator

KINDS = {
    "calm": VideoKind(),
    "lively": VideoKind(motion=0.12, tremor=0.005),
    "occluder": VideoKind(occluder=0.2),
}
_REFERENCE = "KLT + MAGSAC"
_WRONG = 3.0  # pixels


class Track(NamedTuple):
    """What a tracker made of the frames of videos.

    Attributes:
      errors: float64 `[frames]`, mean error of the corners of a frame in A, pixels; NaN where it
        was refused.
      seconds: float64 `[frames]`.
    """

    errors: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]


def track_in_turns(video: Video, estimator: HomographyEstimator) -> tuple[Track, Track]:
    """Register the frames of a video by the one and by the other, frame by frame.

    Args:
      video: see there.
      estimator: of the homographies.

    Returns:
      `(ours, reference)`.
    """
    results = estimator.estimate_sequence(video.image_a, video.frames)
    ours = (result.a_from_b for result in results)
    reference = klt_tracking.track(video.image_a, video.frames)
    errors, seconds = [], []
    for truth in video.a_from_frames:
        for answers in (ours, reference):
            begin = time.perf_counter()
            answer = next(answers)
            seconds.append(time.perf_counter() - begin)
            errors.append(_error(answer, truth, arrays.image_size(video.image_a)))
    tracks = [Track(np.array(errors[i::2]), np.array(seconds[i::2])) for i in (0, 1)]
    return tracks[0], tracks[1]


def _error(
    a_from_b: npt.NDArray[np.float64] | None,
    truth: npt.NDArray[np.float64],
    size: tuple[int, int],
) -> float:
    if a_from_b is None:
        return np.nan
    corners = arrays.corners(size)
    moved = arrays.transform_points(a_from_b, corners) - arrays.transform_points(truth, corners)
    return float(np.linalg.norm(moved, axis=1).mean())


def _median_error(track: Track) -> float:
    answered = np.isfinite(track.errors)
    return float(np.median(track.errors[answered])) if answered.any() else np.inf


# What is measured of a track: its name, unit and function.
_MEASURES = (
    ("speed", "frames/s", lambda track: 1.0 / track.seconds.mean()),
    ("99th percentile", "ms", lambda track: 1e3 * np.percentile(track.seconds, 99)),
    ("median error", "px", _median_error),
    ("answered", "% answered", lambda track: 100.0 * np.isfinite(track.errors).mean()),
    ("over 3 px", "% of frames", lambda track: 100.0 * (track.errors > _WRONG).mean()),
)


def summarize(
    case: str, ours: Sequence[Track], reference: Sequence[Track], num_threads: int
) -> Iterator[dict[str, Any]]:
    """Compare tracks of several videos.

    Args:
      case: the kind of the videos.
      ours: of each video.
      reference: the same of KLT + MAGSAC++.
      num_threads: that each side used.

    Yields:
      Rows of `interleaved_timing.result`.
    """
    our_frames, reference_frames = (
        Track(*map(np.concatenate, zip(*tracks, strict=True))) for tracks in (ours, reference)
    )
    for name, unit, measure in _MEASURES:
        yield interleaved_timing.result(
            f"{case}, {name}",
            measure(our_frames),
            unit,
            _REFERENCE,
            measure(reference_frames),
            num_threads,
        )


def measure(dataset: str, num_threads: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Measure every kind of video: as many videos as fit into some time, an image each.

    Args:
      dataset: a folder of images, or "synthetic".
      num_threads: that each side uses.
      seconds: of each kind, at least one video.

    Yields:
      Rows of `interleaved_timing.result`. The first frame, for which a homography has to be found,
      is in them.
    """
    estimator = HomographyEstimator(num_threads=num_threads)
    for case, kind in KINDS.items():
        width, height = kind.world_size
        source = sources.open_source(dataset, "all", height=height, width=width, min_side=128)
        images = (image[..., 0] for _, image in source.stream(seed=0).as_numpy_iterator())
        tracks: list[tuple[Track, Track]] = []
        end = time.perf_counter() + seconds
        while not tracks or time.perf_counter() < end:
            video = simulated_videos.simulate(next(images), next(images), kind, seed=len(tracks))
            tracks.append(track_in_turns(video, estimator))
        ours, reference = zip(*tracks, strict=True)
        yield from summarize(case, ours, reference, num_threads)
