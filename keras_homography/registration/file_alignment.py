"""Align image files and videos: results as JSON, pictures of the alignment. `predict` runs this."""

import dataclasses
import glob
import itertools
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import alignment_pictures
from keras_homography.registration.estimator import HomographyEstimator
from keras_homography.registration.result import Estimate
from keras_homography.utils import files, image_input
from keras_homography.utils.errors import UserError
from keras_homography.utils.standard_streams import print_error
from keras_homography.visualization import stabilized_video

_VIDEO_SUFFIXES = {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"}
_VIDEO_NAME = "stabilized.mp4"

# Path or number of a frame; and uint8 `[height, width, 3]`, RGB, or why it cannot be read.
_Frames: TypeAlias = Iterator[tuple[str | int, np.ndarray | str]]
_UNREADABLE = "unreadable"  # reason code
_NAMED = 5  # frames that a message names


@dataclasses.dataclass(frozen=True)
class FileAlignmentConfig:
    """What to align, and what to write.

    Attributes:
      image_a: path of an image.
      image_b: path of an image or video, or a pattern of paths of frames, as "frames/*.png".
      model: name of a shipped model, or path of a model.
      matcher: the same of the matcher.
      max_attempts: number of initializations that are tried before a pair is refused.
      trust_model: open the model's file whatever it contains.
      min_confidence: 0 to 1; an estimate below it is refused.
      num_threads: threads of a TFLite file; None for LiteRT's default.
      output_dir: folder of the pictures.
      pictures: whether to write pictures, or a video.
      panorama: whether to write both images on one canvas too.
      matches: whether to draw matched points of both images too.
      motion: "translation", "similarity", "affine" or "homography".
      mask_a: path of an image of A's size, black where A does not count; None for none.
      mask_b: the same of B, or of every frame.
      agreement: whether to draw where the images agree too.
      planes: whether to find several planes too; of pairs.
      max_side: of pictures and videos, in pixels.
    """

    image_a: str
    image_b: str
    model: str = "homography"
    matcher: str = "matcher"
    max_attempts: int = 10
    trust_model: bool = False
    min_confidence: float = 0.5
    num_threads: int | None = None
    output_dir: str = "runs/predict"
    pictures: bool = True
    panorama: bool = False
    matches: bool = False
    agreement: bool = False
    planes: bool = False
    motion: str = "homography"
    mask_a: str | None = None
    mask_b: str | None = None
    max_side: int = 4096


def run(config: FileAlignmentConfig) -> int:
    """Align files; print a line of JSON for each pair or frame, and messages to standard error.

    Args:
      config: what to align, and what to write.

    Returns:
      The number of pairs or frames that were aligned: 0 if all were refused.

    Raises:
      UserError: a file or the model cannot be used.
      OSError: a picture cannot be written.
    """
    if config.pictures:
        files.check_writable(config.output_dir)
    estimator = HomographyEstimator(
        config.model,
        matcher=config.matcher,
        max_attempts=config.max_attempts,
        min_confidence=config.min_confidence,
        num_threads=config.num_threads,
        trust=config.trust_model,
    )
    image_b = config.image_b
    if pathlib.Path(image_b).suffix.lower() in _VIDEO_SUFFIXES:
        return _align_frames(config, estimator, *_open_video(image_b))
    if os.path.exists(image_b) or not glob.has_magic(image_b):
        return _align_pair(config, estimator, image_b)
    paths = sorted(glob.glob(image_b, recursive=True))
    if not paths:
        raise UserError(f"No file matches {image_b}.")
    if len(paths) == 1:
        return _align_pair(config, estimator, paths[0])
    return _align_frames(config, estimator, _read_files(paths), len(paths))


def _open_video(path: str) -> tuple[_Frames, int]:
    frames, count = image_input.read_video(path)
    reason = f"The frame is damaged in {path}."
    return ((number, reason if image is None else image) for number, image in frames), count


def _read_files(paths: list[str]) -> _Frames:
    for path in paths:
        try:
            yield path, image_input.read_image(path)
        except UserError as error:
            yield path, str(error)


def _align_pair(config: FileAlignmentConfig, estimator: HomographyEstimator, path_b: str) -> int:
    image_a, image_b = image_input.read_image(config.image_a), image_input.read_image(path_b)
    mask_a, mask_b = _read_mask(config.mask_a), _read_mask(config.mask_b)
    result = estimator.estimate(
        image_a,
        image_b,
        mask_a=mask_a,
        mask_b=mask_b,
        motion=config.motion,
        agreement=config.agreement,
    )
    planes: Sequence[Estimate] = ()
    if config.planes:
        planes = estimator.estimate_planes(image_a, image_b, mask_a=mask_a, mask_b=mask_b)
    written, output_dir = [], pathlib.Path(config.output_dir)
    if config.pictures:
        written = alignment_pictures.write_alignment(
            output_dir, image_a, image_b, result, config.max_side, config.panorama
        )
    if config.matches:
        points = estimator.match(image_a, image_b)
        written.append(
            alignment_pictures.write_matches(output_dir, image_a, image_b, points, config.max_side)
        )
    if config.pictures:
        written += alignment_pictures.write_regions(output_dir, planes)
    sizes = arrays.image_size(image_a), arrays.image_size(image_b)
    answer = _as_json(result, *sizes)
    if config.planes:
        answer["planes"] = [_as_json(plane, *sizes) for plane in planes]
    print(json.dumps({**answer, "files": written}))
    if not result.ok:
        print_error(f"No reliable homography: {result.reason}.")
    return int(result.ok or bool(planes))


def _align_frames(
    config: FileAlignmentConfig, estimator: HomographyEstimator, frames: _Frames, count: int
) -> int:
    """Register frames to A, each tracked from the ones before.

    Args:
      config: what to write.
      estimator: of the homographies.
      frames: to register; those that cannot be read are reported and left out.
      count: how many frames there may be; 0 if unknown.

    Returns:
      The number of frames that were aligned.
    """
    image_a = image_input.read_image(config.image_a)
    size_a = arrays.image_size(image_a)
    video = pathlib.Path(config.output_dir) / _VIDEO_NAME if config.pictures else None
    of_count = f"/{count}" if count else ""
    readable, images = itertools.tee(frames)
    results = estimator.estimate_sequence(
        image_a,
        (image for _, image in images if not isinstance(image, str)),
        mask_a=_read_mask(config.mask_a),
        mask_b=_read_mask(config.mask_b),
        motion=config.motion,
    )
    number = aligned = 0
    milliseconds = 0.0
    unreadable: list[str | int] = []
    with stabilized_video.open_writer(video, image_a, config.max_side) as append_frame:
        for name, frame in readable:
            number += 1
            if isinstance(frame, str):
                unreadable.append(name)
                answer = {"ok": False, "reason": frame, "reason_code": _UNREADABLE}
            else:
                result = next(results)
                milliseconds += result.milliseconds
                if result.a_from_b is not None:
                    aligned += 1
                    append_frame(frame, result.a_from_b)
                answer = _as_json(result, size_a, arrays.image_size(frame))
            print(json.dumps({"frame": name, **answer}), flush=True)
            rate = 1e3 * (number - len(unreadable)) / max(milliseconds, 1e-3)
            print_error(f"\rframe {number}{of_count}, {rate:.1f} frames/s", end="")
    print_error(f"\n{aligned} of {number} frames registered.")
    if unreadable:
        names = ", ".join(map(repr, unreadable[:_NAMED])) + ", ..." * (len(unreadable) > _NAMED)
        print_error(f"{len(unreadable)} could not be read: {names}.")
    if number < count:
        print_error(f"{config.image_b} announces {count} frames; none can be read after these.")
    if aligned and video:
        print_error(str(video))
    return aligned


def _read_mask(path: str | None) -> np.ndarray | None:
    return None if path is None else image_input.read_image(path).max(axis=-1)


def _as_json(result: Estimate, size_a: tuple[int, int], size_b: tuple[int, int]) -> dict[str, Any]:
    corners = None
    if result.a_from_b is not None:
        corners = arrays.transform_points(result.a_from_b, arrays.corners(size_b)).tolist()
    return {
        "ok": result.ok,
        "reason": result.reason,
        "reason_code": result.reason_code,
        "confidence": round(result.confidence, 4),
        "overlap": round(result.overlap, 4),
        "b_from_a": _as_list(result.b_from_a),
        "a_from_b": _as_list(result.a_from_b),
        "best_a_from_b": _as_list(result.best_a_from_b),
        "corners_of_b_in_a": corners,
        "covariance": _as_list(result.covariance),
        "sizes": {"a": size_a, "b": size_b},
        "start": result.start,
        "attempts": result.attempts,
        "milliseconds": round(result.milliseconds, 1),
    }


def _as_list(matrix: np.ndarray | None) -> list[list[float]] | None:
    return None if matrix is None else matrix.tolist()
