"""Aligns two photographs: the homography between them, and pictures of how they fit.

    python -m keras_homography.predict a.jpg b.jpg
    python -m keras_homography.predict a.jpg b.jpg --panorama --output_dir=runs/graf
    python -m keras_homography.predict a.jpg 'frames/*.png'
    python -m keras_homography.predict a.jpg video.mp4

On standard output, one JSON object for a pair, or one a line for every frame: `ok`, `reason`,
`confidence`, `overlap`, `b_from_a` and `a_from_b` (pixels to pixels, null where it is not `ok`),
`corners_of_b_in_a`, `sizes`, `milliseconds`, `files`. Nothing else is written there.

Leaves in `--output_dir` of a pair: `aligned.png` (A in the frame of B), `overlay.png` (A red, B
cyan), `checkerboard.png`, `blink.gif`, and with `--panorama` `panorama.png`, both on one canvas. Of
frames or a video: `stabilized.mp4`, every frame in the frame of A.

Exit code: 0; 3 if it cannot tell (of frames: not of one of them); 2 for a mistake in the command.
"""

import glob
import json
import os
import pathlib
import sys

from absl import flags

from keras_homography.utils import command_line, files
from keras_homography.utils.errors import UserError

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # we say ourselves which file cannot be read
FLAGS = flags.FLAGS


flags.DEFINE_string(
    "model",
    "homography",
    "A .tflite or .keras file, the folder of a SavedModel, or the name of a shipped model.",
)
flags.DEFINE_bool(
    "trust_model", False, "Open a model's file whatever it holds and wherever it comes from."
)
flags.DEFINE_string("output_dir", "runs/predict", "Where pictures are written.")
flags.DEFINE_bool("pictures", True, "Write pictures, or a video, of the alignment.")
flags.DEFINE_bool("panorama", False, "Also both photos on one canvas.")
flags.DEFINE_integer(
    "max_side", 4096, "Of pictures, in pixels; what is larger is shrunk.", lower_bound=16
)
flags.DEFINE_float(
    "least_confidence", 0.5, "Below which the answer is that it cannot tell.", 0.0, 1.0
)
flags.DEFINE_integer("threads", None, "For the network. Default: LiteRT's own.", lower_bound=1)
_VIDEOS = {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"}
_REFUSED = 3


def _note(text):
    print(text, file=sys.stderr)


def _matrix(matrix):
    return None if matrix is None else matrix.tolist()


def _as_json(result, size_a, size_b):
    from keras_homography.geometry import arrays

    corners = None
    if result:
        corners = arrays.transform_points(result.a_from_b, arrays.corners(size_b)).tolist()
    return {
        "ok": bool(result),
        "reason": result.reason,
        "confidence": round(result.confidence, 4),
        "overlap": round(result.overlap, 4),
        "b_from_a": _matrix(result.b_from_a),
        "a_from_b": _matrix(result.a_from_b),
        "corners_of_b_in_a": corners,
        "sizes": {"a": size_a, "b": size_b},
        "start": result.start,
        "milliseconds": round(result.milliseconds, 1),
    }


def _write_pictures(output_dir, image_a, image_b, b_from_a):
    """Writes the pictures of a pair; returns their paths."""
    import cv2
    import numpy as np

    from keras_homography.geometry import arrays
    from keras_homography.visualization import alignment_overlays, panorama

    small_a, from_a = alignment_overlays.shrink(image_a, FLAGS.max_side)
    small_b, from_b = alignment_overlays.shrink(image_b, FLAGS.max_side)
    if small_a is not image_a or small_b is not image_b:
        _note(f"Pictures are shrunk to {FLAGS.max_side} pixels a side (--max_side).")
    b_from_a = from_b @ b_from_a @ np.linalg.inv(from_a)
    aligned = alignment_overlays.align(small_a, b_from_a, arrays.image_size(small_b))
    pictures = {
        "aligned.png": aligned,
        "overlay.png": alignment_overlays.red_cyan(aligned, small_b),
        "checkerboard.png": alignment_overlays.checkerboard(aligned, small_b),
    }
    if FLAGS.panorama:
        pictures["panorama.png"] = panorama.blend(small_a, small_b, b_from_a)
    output_dir.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        with files.atomic_write(output_dir / name) as beside:
            if not cv2.imwrite(str(beside), picture[..., ::-1]):
                raise OSError(f"{output_dir / name} cannot be written.")
    with files.atomic_write(output_dir / "blink.gif") as beside:
        alignment_overlays.write_blink(beside, aligned, small_b)
    return [str(output_dir / name) for name in (*pictures, "blink.gif")]


def _align_pair(estimator, path_a, path_b):
    from keras_homography.geometry import arrays
    from keras_homography.utils import image_input

    image_a, image_b = image_input.read_image(path_a), image_input.read_image(path_b)
    result = estimator.estimate(image_a, image_b)
    written = []
    if result and FLAGS.pictures:
        written = _write_pictures(pathlib.Path(FLAGS.output_dir), image_a, image_b, result.b_from_a)
    answer = _as_json(result, arrays.image_size(image_a), arrays.image_size(image_b))
    print(json.dumps({**answer, "files": written}))
    if not result:
        _note(f"It cannot be told: {result.reason}.")
    return 0 if result else _REFUSED


def _align_sequence(estimator, path_a, frames, count):
    """Registers frames, `(name, image)`, to an image."""
    from keras_homography.geometry import arrays
    from keras_homography.utils import image_input
    from keras_homography.visualization import stabilized_video

    image_a = image_input.read_image(path_a)
    size_a = arrays.image_size(image_a)
    names = []

    def frames_only():
        for name, frame in frames:
            names.append((name, frame))
            yield frame

    video, registered = pathlib.Path(FLAGS.output_dir) / "stabilized.mp4", 0
    video_path = video if FLAGS.pictures else None
    with stabilized_video.open_writer(video_path, image_a, FLAGS.max_side) as write:
        for number, result in enumerate(estimator.estimate_sequence(image_a, frames_only()), 1):
            name, frame = names.pop()
            if result:
                registered += 1
                write(frame, result.a_from_b)
            answer = _as_json(result, size_a, arrays.image_size(frame))
            print(json.dumps({"frame": name, **answer}), flush=True)
            print(f"\rframe {number}{f'/{count}' if count else ''}", end="", file=sys.stderr)
    _note(f"\n{registered} of {number} frames registered.")
    if registered and FLAGS.pictures:
        _note(str(video))
    return 0 if registered else _REFUSED


def main(path_a, path_b):
    if FLAGS.pictures:
        files.check_writable(FLAGS.output_dir)

    from keras_homography.registration.estimator import HomographyEstimator
    from keras_homography.utils import image_input

    estimator = HomographyEstimator(
        FLAGS.model, FLAGS.least_confidence, FLAGS.threads, FLAGS.trust_model
    )
    if pathlib.Path(path_b).suffix.lower() in _VIDEOS:
        return _align_sequence(estimator, path_a, *image_input.read_video(path_b))
    paths = sorted(glob.glob(path_b, recursive=True)) if glob.has_magic(path_b) else [path_b]
    if os.path.exists(path_b) or len(paths) == 1:
        return _align_pair(estimator, path_a, path_b if os.path.exists(path_b) else paths[0])
    if not paths:
        raise UserError(f"No file matches {path_b}.")
    frames = ((path, image_input.read_image(path)) for path in paths)
    return _align_sequence(estimator, path_a, frames, len(paths))


if __name__ == "__main__":
    command_line.run(main, arguments=("A", "B"), tensorflow=False)
