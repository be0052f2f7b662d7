"""The program: two files in, one JSON object and pictures out."""

import json

import cv2
import numpy as np
import pytest
from helpers import programs
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    """Two photos of one scene, `a.png` and `b.png`, another, frames, and files that are none."""
    folder = tmp_path_factory.mktemp("a folder")
    a, b, a_from_b = warped_pair(images[0, ..., 0], 1, reach=12.0)
    _, frame, _ = warped_pair(images[0, ..., 0], 2, reach=3.0)
    np.savetxt(folder / "a_from_b.txt", a_from_b)
    (folder / "frames").mkdir()
    pictures = {
        "a.png": a,
        "b.png": b,
        "other.png": images[1, ..., 0],
        "frames/1.png": b,
        "frames/2.png": frame,
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / name), picture)
    (folder / "text.jpg").write_text("no image")
    writer = cv2.VideoWriter(
        str(folder / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (240, 160)
    )
    for image in (a, frame):
        writer.write(np.dstack([image] * 3))
    writer.release()
    return folder


def predict(folder, *arguments):
    """The exit code, the JSON objects on standard output, and standard error."""
    result = programs.run("keras_homography.predict", *arguments, cwd=folder)
    return (
        result.returncode,
        [json.loads(line) for line in result.stdout.splitlines()],
        result.stderr,
    )


def test_two_photos(folder):
    code, answers, _ = predict(folder, "a.png", "b.png", "--panorama", "--output_dir=out")
    assert code == 0
    (answer,) = answers
    assert answer["ok"]
    assert answer["reason"] is None
    expected = np.loadtxt(folder / "a_from_b.txt")
    assert corner_error(np.array(answer["a_from_b"]), expected, (240, 160)) < 0.05
    np.testing.assert_allclose(
        answer["corners_of_b_in_a"],
        arrays.transform_points(expected, arrays.corners((240, 160))),
        atol=0.1,
    )
    both = np.array(answer["a_from_b"]) @ np.array(answer["b_from_a"])
    np.testing.assert_allclose(both / both[2, 2], np.eye(3), atol=1e-6)
    names = {"aligned.png", "overlay.png", "checkerboard.png", "panorama.png", "blink.gif"}
    assert {path.name for path in (folder / "out").iterdir()} == names
    assert {path.rpartition("/")[2] for path in answer["files"]} == names
    aligned = cv2.imread(str(folder / "out" / "aligned.png"))
    assert aligned.shape == (160, 240, 3)


def test_a_refusal_has_its_own_exit_code_and_no_pictures(folder):
    code, answers, errors = predict(folder, "a.png", "other.png", "--output_dir=refused")
    assert code == 3
    assert not answers[0]["ok"]
    assert answers[0]["b_from_a"] is None
    assert answers[0]["reason"] in errors
    assert not (folder / "refused").exists()


@pytest.mark.parametrize("frames", ["frames/*.png", "video.avi"])
def test_frames_are_registered_to_a(folder, frames):
    code, answers, _ = predict(folder, "a.png", frames, f"--output_dir=out_{frames[:5]}")
    assert code == 0
    assert [answer["ok"] for answer in answers] == [True, True]
    assert "frame" in answers[0]
    video = cv2.VideoCapture(str(folder / f"out_{frames[:5]}" / "stabilized.mp4"))
    reference = cv2.imread(str(folder / "a.png")).astype(int)
    frame = video.read()[1]
    middle = np.s_[40:120, 60:180]
    assert np.abs(frame[middle].astype(int) - reference[middle]).mean() < 6.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.png"], "B is missing"),
        (["a.png", "b.png", "c.png"], "Unexpected argument"),
        (["none.png", "b.png"], "does not exist"),
        (["a.png", "text.jpg"], "text.jpg"),
        (["a.png", "frames"], "folder"),
        (["a.png", "none/*.png"], "No file matches"),
        (["a.png", "b.png", "--model=none"], "none"),
        (["a.png", "b.png", "--output_dir=text.jpg"], "not a folder"),
        (["a.png", "b.png", "--least_confidence=7"], "least_confidence"),
    ],
)
def test_mistakes_are_named_without_a_traceback(folder, arguments, says):
    code, answers, errors = predict(folder, *arguments)
    assert code not in (0, 3)
    assert not answers
    assert says in errors
    assert "Traceback" not in errors
