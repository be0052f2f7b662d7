"""Names of any bytes, in every path that a program takes or finds: never a signal."""

import json
import os
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.data import folder_source, frame_pairs
from keras_homography.utils import files, image_input
from keras_homography.visualization import stabilized_video

NAMES = [
    *(b"\xff\xfe", "é 日本".encode(), b"new\nline", b"%d", b"%s%n{}", b"-x", b"http:", b"a" * 240),
    b"\xe4" * 240,
]
C_LOCALE = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def pair(images):
    """Two images of one scene, uint8 `[160, 240]`."""
    return warped_pair(images[0, ..., 0], 1, reach=6.0)[:2]


def write_video(path, frames):
    with files.plain_path(path) as plain:
        size = frames[0].shape[1::-1]
        writer = cv2.VideoWriter(plain, cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for frame in frames:
        writer.write(np.dstack([frame] * 3))
    writer.release()


@pytest.mark.parametrize("name", NAMES)
def test_images_and_videos_of_any_name_are_read_and_written(tmp_path, pair, name):
    folder = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(folder)
    path = tmp_path / os.fsdecode(name) / os.fsdecode(name)
    pathlib.Path(f"{path}.png").write_bytes(cv2.imencode(".png", pair[0])[1].tobytes())
    pathlib.Path(f"{path}.txt").write_text("no image")
    assert image_input.read_image(f"{path}.png").shape == (160, 240, 3)
    with pytest.raises(ValueError, match="not an image"):
        image_input.read_image(f"{path}.txt")
    write_video(f"{path}.avi", pair)
    frames, count = image_input.read_video(f"{path}.avi")
    assert [number for number, _ in frames] == [0, 1]
    assert count == 2
    color = np.dstack([pair[0]] * 3)
    with stabilized_video.open_writer(path.with_name(f"{path.name}.mp4"), color, 240) as append:
        append(color, np.eye(3))
    assert len(list(image_input.read_video(f"{path}.mp4")[0])) == 1
    assert len(os.listdir(folder)) == 4
    assert frame_pairs.FramePairs(f"{path}.avi", 48, 64).count == 1


@pytest.mark.parametrize("cache", ["memory", "none", "folder"])
def test_images_of_any_name_are_learned_from(tmp_path, pair, cache):
    folder = tmp_path / "images\udcff"
    folder.mkdir()
    for name in NAMES:
        path = folder / f"{os.fsdecode(name)}.png"
        path.write_bytes(cv2.imencode(".png", pair[0])[1].tobytes())
    (folder / "bad\udcff.png").write_text("no image")
    cache = str(tmp_path / "cache\udcff") if cache == "folder" else cache
    source = folder_source.FolderSource(folder, 48, 64, 32, cache=cache)
    read = [image for _, image in source.stream(0).take(len(NAMES)).as_numpy_iterator()]
    assert len(read) == len(NAMES)
    assert np.ptp([image.mean() for image in read]) < 1
    if cache != "none":
        assert source.count == len(NAMES)
        assert list(source.skipped) == [str(folder / "bad\udcff.png")]


@pytest.fixture
def work(tmp_path, pair):
    """A folder of an image, a video and frames, with names that are not UTF-8."""
    folder = tmp_path / "r\xe9sum\xe9 \udcff"
    folder.mkdir()
    (folder / "frames").mkdir()
    a, b = pair
    for name, image in {"a.png": a, "b\udcff.png": b, "frames/1\udcff.png": b}.items():
        (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    (folder / "frames" / "2\n\udcff.png").write_text("no image")
    write_video(folder / "v\udcff.avi", [a, b])
    return folder


@pytest.mark.parametrize("environment", [{}, C_LOCALE])
def test_predict_takes_any_name_in_any_locale(work, environment):
    outputs = []
    for image_b in ("b\udcff.png", "v\udcff.avi", "frames/*"):
        arguments = [work / "a.png", work / image_b, f"--output_dir={work}/o\udcfe\n/p"]
        process = subprocess.run(
            [sys.executable, "-m", "keras_homography.predict", *arguments],
            env=os.environ | environment,
            capture_output=True,
        )
        assert process.returncode == 0, process.stderr
        assert b"Traceback" not in process.stderr
        outputs += [json.loads(line) for line in process.stdout.splitlines()]
    assert [output["ok"] for output in outputs] == [True, True, True, True, False]
    assert len(outputs[0]["files"]) == 4
    frames, _ = image_input.read_video(work / "o\udcfe\n" / "p" / "stabilized.mp4")
    assert len(list(frames)) == 1
    assert b"1 of 2 frames registered" in process.stderr
    assert b"1 could not be read" in process.stderr


@pytest.mark.parametrize(
    ("program", "flag"), [("predict", "model"), ("export", "model"), ("export", "output_dir")]
)
def test_a_name_that_cannot_be_used_is_one_line(work, program, flag):
    arguments = [work / "a.png", work / "b\udcff.png"] if program == "predict" else []
    (work / "m\udcff.tflite").write_text("no model")
    (work / "m\udcff.keras").write_text("no model")
    suffix = ".tflite" if program == "predict" else ".keras"
    value = f"{work}/m\udcff{suffix}" if flag == "model" else f"{work}/out\udcff/\n"
    process = subprocess.run(
        [sys.executable, "-m", f"keras_homography.{program}", *arguments, f"--{flag}={value}"],
        capture_output=True,
        cwd=work,
    )
    assert process.returncode == 2, process.stderr
    assert process.stderr.startswith(b"Error: ")
    assert len(process.stderr.splitlines()) == 1
    assert b"\\udcff" in process.stderr
