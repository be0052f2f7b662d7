"""The program `predict`, and `file_alignment`: files in, JSON and pictures out."""

import json

import cv2
import numpy as np
import pytest
from helpers import programs
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import file_alignment
from keras_homography.registration.file_alignment import FileAlignmentConfig
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    """Images of one scene, `a.png` and `b.png`, another, frames, and files that are none."""
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


def test_two_images(folder):
    code, answers, _ = predict(folder, "a.png", "b.png", "--panorama", "--output_dir=out")
    assert code == 0
    (answer,) = answers
    assert answer["ok"]
    assert answer["reason"] is answer["reason_code"] is None
    assert answer["best_a_from_b"] == answer["a_from_b"]
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


def test_matches_are_drawn(folder):
    flags = ("--matches", "--matcher=matcher", "--max_attempts=3", "--output_dir=matched")
    code, (answer,), _ = predict(folder, "a.png", "b.png", *flags)
    assert code == 0
    assert answer["attempts"] == 1
    assert answer["start"] == "network"
    assert any(path.endswith("matches.png") for path in answer["files"])
    drawn = cv2.imread(str(folder / "matched" / "matches.png"))
    assert drawn.shape == (160, 480, 3)
    both = np.hstack([cv2.imread(str(folder / name)) for name in ("a.png", "b.png")])
    changed = (drawn != both).any(axis=-1)
    assert 0.01 < changed.mean() < 0.6
    assert changed[:, :240].any()
    assert changed[:, 240:].any()


@pytest.mark.usefixtures("in_folder")
def test_planes(folder, tmp_path, capsys):
    config = FileAlignmentConfig("a.png", "b.png", output_dir=str(tmp_path), planes=True)
    assert file_alignment.run(config) == 1
    (answer,) = answers_of(capsys)
    (plane,) = answer["planes"]
    assert plane["ok"]
    expected = np.loadtxt(folder / "a_from_b.txt")
    assert corner_error(np.array(plane["a_from_b"]), expected, (240, 160)) < 0.3
    assert str(tmp_path / "region_1.png") in answer["files"]
    region = cv2.imread(str(tmp_path / "region_1.png"), cv2.IMREAD_GRAYSCALE)
    assert region.shape == (160, 240)
    assert (region == 255).mean() > 0.8


@pytest.mark.usefixtures("in_folder")
def test_where_the_images_agree_is_drawn(capsys, tmp_path):
    config = FileAlignmentConfig("a.png", "b.png", output_dir=str(tmp_path), agreement=True)
    assert file_alignment.run(config) == 1
    (answer,) = answers_of(capsys)
    assert np.linalg.eigvalsh(answer["covariance"]).min() > 0
    drawn = cv2.imread(str(tmp_path / "agreement.png")).astype(int)
    assert drawn.shape == (160, 240, 3)
    assert (drawn[40:120, 60:180, 2] - drawn[40:120, 60:180, 1]).mean() < 40  # hardly any red


@pytest.mark.usefixtures("in_folder")
def test_masks_are_read_from_files(capsys, tmp_path):
    black = str(tmp_path / "black.png")
    cv2.imwrite(black, np.zeros([160, 240], np.uint8))
    with pytest.raises(UserError, match="mask_b is 0 everywhere"):
        file_alignment.run(FileAlignmentConfig("a.png", "b.png", pictures=False, mask_b=black))
    half = str(tmp_path / "half.png")
    cv2.imwrite(half, np.repeat(np.array([[255, 0]], np.uint8), 120, axis=1).repeat(160, axis=0))
    config = FileAlignmentConfig("a.png", "b.png", pictures=False, mask_a=half)
    assert file_alignment.run(config) == 1
    assert answers_of(capsys)[0]["overlap"] < 0.6


def test_a_refusal_has_its_own_exit_code_and_no_pictures(folder):
    code, (answer,), errors = predict(folder, "a.png", "other.png", "--output_dir=refused")
    assert code == 3
    assert not answer["ok"]
    assert answer["a_from_b"] is answer["b_from_a"] is answer["corners_of_b_in_a"] is None
    assert np.shape(answer["best_a_from_b"]) == (3, 3)
    assert answer["reason_code"] == "not_the_same_scene"
    assert f"No reliable homography: {answer['reason']}." in errors
    assert answer["files"] == []
    assert not (folder / "refused").exists()


@pytest.fixture
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def answers_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("frames", "names"),
    [("frames/*.png", ["frames/1.png", "frames/2.png"]), ("video.avi", [0, 1])],
)
def test_frames_are_registered_to_a(frames, names, capsys, tmp_path):
    config = FileAlignmentConfig("a.png", frames, output_dir=str(tmp_path))
    assert file_alignment.run(config) == 2
    answers = answers_of(capsys)
    assert [answer["ok"] for answer in answers] == [True, True]
    assert [answer["frame"] for answer in answers] == names
    assert answers[1]["start"] == "previous"
    video = cv2.VideoCapture(str(tmp_path / "stabilized.mp4"))
    reference = cv2.imread("a.png").astype(int)
    middle = np.s_[40:120, 60:180]
    for _ in names:
        frame = video.read()[1]
        assert np.abs(frame[middle].astype(int) - reference[middle]).mean() < 6.0
    assert not video.read()[0]


@pytest.mark.usefixtures("in_folder")
def test_frames_that_are_refused_are_counted_and_left_out_of_the_video(capsys, tmp_path):
    config = FileAlignmentConfig("frames/1.png", "*.png", output_dir=str(tmp_path))
    assert file_alignment.run(config) == 2  # a and b, not other
    answers = answers_of(capsys)
    assert [(answer["frame"], answer["ok"]) for answer in answers] == [
        ("a.png", True),
        ("b.png", True),
        ("other.png", False),
    ]
    video = cv2.VideoCapture(str(tmp_path / "stabilized.mp4"))
    assert [video.read()[0] for _ in range(3)] == [True, True, False]


@pytest.mark.usefixtures("in_folder")
def test_without_pictures_nothing_is_written(capsys, tmp_path):
    output_dir = tmp_path / "none"
    for image_b in ("b.png", "frames/*.png"):
        config = FileAlignmentConfig(
            "a.png", image_b, pictures=False, output_dir=str(output_dir), num_threads=1
        )
        assert file_alignment.run(config)
    assert len(answers_of(capsys)) == 3
    assert not output_dir.exists()


@pytest.mark.usefixtures("in_folder")
def test_matches_are_drawn_of_what_is_refused_too(capsys, tmp_path):
    config = FileAlignmentConfig(
        "a.png", "other.png", matches=True, max_attempts=2, max_side=100, output_dir=str(tmp_path)
    )
    assert file_alignment.run(config) == 0
    (answer,) = answers_of(capsys)
    assert not answer["ok"]
    assert answer["attempts"] == 2
    (path,) = tmp_path.iterdir()
    assert path.name == "matches.png"
    # Both shrunk to 100 pixels a side: 240x160 and 320x240.
    assert cv2.imread(str(path)).shape == (75, 200, 3)


@pytest.mark.usefixtures("in_folder")
def test_pictures_are_shrunk_and_still_fit(capsys, tmp_path):
    config = FileAlignmentConfig("a.png", "b.png", max_side=120, output_dir=str(tmp_path))
    assert file_alignment.run(config) == 1
    aligned, overlay = (cv2.imread(str(tmp_path / f"{n}.png")) for n in ("aligned", "overlay"))
    assert aligned.shape == overlay.shape == (80, 120, 3)
    blue, _, red = np.moveaxis(overlay[20:60, 30:90].astype(int), -1, 0)  # BGR
    assert np.abs(blue - red).mean() < 6.0
    assert answers_of(capsys)[0]["sizes"] == {"a": [240, 160], "b": [240, 160]}


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image_a": "none.png"}, "none.png does not exist"),
        ({"image_b": "text.jpg"}, "text.jpg"),
        ({"image_b": "frames"}, "frames is a folder"),
        ({"image_b": "none/*.png"}, "No file matches none"),
        ({"image_b": "none.mp4"}, "none.mp4 does not exist"),
        ({"model": "none"}, "'none'"),
        ({"matcher": "none"}, "'none'"),
        ({"matcher": "homography"}, "homography.tflite"),
        ({"max_attempts": 0}, "max_attempts must be at least 1"),
        ({"output_dir": "text.jpg"}, "not a folder"),
        ({"min_confidence": 7.0}, "min_confidence"),
    ],
)
def test_a_users_mistake_is_named_before_anything_is_printed(changes, says, capsys):
    config = FileAlignmentConfig(**{"image_a": "a.png", "image_b": "b.png", **changes})
    with pytest.raises(UserError, match=says):
        file_alignment.run(config)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.png"], "B is missing"),
        (["a.png", "b.png", "c.png"], "Unexpected argument"),
        (["a.png", "text.jpg"], "text.jpg"),
        (["a.png", "b.png", "--least_confidence=7"], "min_confidence"),
        (["a.png", "b.png", "--max_attempts=0"], "max_attempts"),
        (["a.png", "b.png", "--matcher=none"], "no model 'none'"),
    ],
)
def test_mistakes_are_named_without_a_traceback(folder, arguments, says):
    code, answers, errors = predict(folder, *arguments)
    assert code not in (0, 3)
    assert not answers
    assert says in errors
    assert "Traceback" not in errors
