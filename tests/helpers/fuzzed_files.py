"""Damaged files of every kind that is read, each a function of its number, and what must hold."""

import contextlib
import io

import cv2
import numpy as np
from helpers import fuzzing, labeled_folders

from keras_homography.data import labeled_images
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError

_NUMBERS = ["0", "1", "-1", "1e308", "-1e308", "1e-320", "nan", "inf", "0x1p3", "1e", "\u0663", "#"]


def image_files(image):
    """A small image in every format that is read, bytes."""
    small = cv2.cvtColor(cv2.resize(image, (48, 36)), cv2.COLOR_GRAY2RGB)
    suffixes = (".jpg", ".png", ".bmp", ".tif", ".webp", ".gif")
    return [cv2.imencode(suffix, small)[1].tobytes() for suffix in suffixes]


def video_files(image, folder):
    """Six small frames as AVI, MPEG-4 and Matroska, bytes."""
    files = []
    for name, codec in (("a.avi", "MJPG"), ("b.mp4", "mp4v"), ("c.mkv", "MJPG")):
        path = str(folder / name)
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
        for number in range(6):
            frame = cv2.resize(image, (70, 54))[number : number + 48, number : number + 64]
            writer.write(np.dstack([frame] * 3))
        writer.release()
        files.append((folder / name).read_bytes())
    return files


def check_image(number, files, folder):
    """Read a damaged image: uint8 RGB, or a `UserError` that names the file."""
    path = folder / "image"
    path.write_bytes(fuzzing.mutated(number, files))
    try:
        image = image_input.read_image(path)
    except UserError as error:
        assert str(path) in str(error), number  # noqa: PT017
        return "refused"
    assert image.dtype == np.uint8, number
    assert image.ndim == 3, number
    assert image.shape[2] == 3, number
    return "read"


def check_video(number, files, folder):
    """Read a damaged video: frames in order, uint8 RGB, or a `UserError` that names the file."""
    path = folder / "video"
    path.write_bytes(fuzzing.mutated(number, files))
    try:
        frames, count = image_input.read_video(path)
        images = dict(frames)
    except UserError as error:
        assert str(path) in str(error), number  # noqa: PT017
        return "refused"
    assert count >= 0, number
    assert list(images) == list(range(len(images))), number
    assert all(image is None or image.dtype == np.uint8 for image in images.values()), number
    return "read"


def check_pairs(number, image, folder):
    """Read a folder of two pairs, one damaged: what is read is finite, the other stays."""
    rng = np.random.default_rng(number)
    truth = ("b_from_a.txt", "points.txt")[rng.integers(2)]
    small = cv2.resize(image, (60, 48))
    labeled_folders.write_pair(folder / "kind" / "good", small)
    labeled_folders.write_pair(folder / "kind" / "bad", small, truth=truth)
    damaged = folder / "kind" / "bad" / ("a.png", "b.png", truth, truth, truth)[rng.integers(5)]
    if rng.random() < 0.8 and damaged.name == truth:
        damaged.write_text(_changed_table(rng, damaged.read_text()), encoding="utf-8")
    elif rng.random() < 0.1:
        damaged.unlink()
    else:
        damaged.write_bytes(fuzzing.mutated(number, [damaged.read_bytes()]))
    with contextlib.redirect_stdout(io.StringIO()):
        pairs, skipped = labeled_images.read_folder(
            folder, width=60, height=48, min_side=24, max_residual=3.0
        )
    names = {pair.name for pair in pairs}
    assert "kind/good" in names, number
    assert names | set(skipped) == {"kind/good", "kind/bad"}, number
    for pair in pairs:
        assert np.isfinite(pair.b_from_a).all(), number
        assert abs(np.linalg.det(pair.b_from_a)) > 0, number
    return "skipped" if skipped else "read"


def _changed_table(rng, text):
    """A table with numbers changed, rows cut or doubled."""
    rows = [line.split() for line in text.splitlines()]
    for _ in range(rng.integers(1, 3)):
        row = rng.integers(len(rows))
        kind, column = rng.integers(6), rng.integers(len(rows[row]) + 1)
        if kind == 0:
            rows[row] = rows[row][:column]
        elif kind == 1:
            rows.insert(row, list(rows[row]))
        elif column < len(rows[row]) and kind == 2:
            rows[row][column] = _NUMBERS[rng.integers(len(_NUMBERS))]
        elif column < len(rows[row]):
            rows[row][column] += str(rng.integers(10))  # another digit, of the exponent
    return "\n".join(map(" ".join, rows))
