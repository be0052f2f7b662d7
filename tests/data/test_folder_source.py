"""Images of a folder: which files are used, in which order."""

import pathlib
import shutil

import cv2
import numpy as np
import pytest
from helpers.image_streams import encode, read

from keras_homography.data import folder_source
from keras_homography.utils.errors import UserError


def test_all_images_are_found(image_folder):
    source = folder_source.FolderSource(image_folder, 60, 80, min_side=128)
    assert len(source.files) == 8
    assert sum("below" in file for file in source.files) == 2
    assert source.skipped == {}
    assert {image.shape for image in read(source, 3)} == {(60, 80, 1)}


def test_every_round_has_every_image_once_in_another_order(image_folder):
    source = folder_source.FolderSource(image_folder, 60, 80, min_side=128)
    stream = [image.tobytes() for image in read(source, 24)]
    rounds = [stream[i : i + 8] for i in (0, 8, 16)]
    assert all(len(set(one)) == 8 for one in rounds)
    assert len({tuple(one) for one in rounds}) == 3
    assert [image.tobytes() for image in read(source, 4, start=11)] == stream[11:15]
    assert [image.tobytes() for image in read(source, 8, seed=1)] != rounds[0]


def test_images_that_go_bad_are_left_out_of_the_stream(image_folder, tmp_path):
    shutil.copytree(image_folder, tmp_path / "photos")
    source = folder_source.FolderSource(tmp_path / "photos", 60, 80, 128, cache="none")
    whole = [position for position, _ in source.stream(0).take(16).as_numpy_iterator()]
    assert whole == list(range(16))
    pathlib.Path(source.files[3]).write_bytes(b"not an image any more")
    left = [position for position, _ in source.stream(0).take(14).as_numpy_iterator()]
    assert len(set(range(16)) - set(left)) == 2  # once a round


def test_parts_of_a_folder_are_disjoint_and_complete(image_folder):
    train, validation, every = (
        set(folder_source.FolderSource(image_folder, 60, 80, 128, part).files)
        for part in ("train", "validation", "all")
    )
    assert train | validation == every
    assert not train & validation
    assert train
    assert validation


def test_bad_files_are_skipped_counted_and_named(image_folder, tmp_path, caplog):
    whole = next(image_folder.glob("*.JPG")).read_bytes()
    (tmp_path / "good.jpg").write_bytes(whole)
    (tmp_path / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpeg").write_text("This is not an image.")
    (tmp_path / "small.png").write_bytes(encode(np.zeros((100, 300), np.uint8)))
    (tmp_path / "notes.txt").write_text("Not counted.")
    source = folder_source.FolderSource(tmp_path, 60, 80, min_side=128)
    assert [file.rsplit("/")[-1] for file in source.files] == ["good.jpg"]
    names = {file.rsplit("/")[-1] for file in source.skipped}
    assert names == {"truncated.jpg", "empty.png", "text.jpeg", "small.png"}
    assert "300x100 is below 128 pixels" in source.skipped[str(tmp_path / "small.png")]
    for name in names:
        assert name in caplog.text
    assert "Skipped 4 of 5 files." in caplog.text


def test_a_folder_without_a_usable_image_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"No usable image below .*: 0 JPEG or PNG files found"):
        folder_source.FolderSource(tmp_path, 60, 80, 128)
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(UserError, match="1 JPEG or PNG files found, 1 skipped"):
        folder_source.FolderSource(tmp_path, 60, 80, 128)
    with pytest.raises(UserError, match="at least 2 are needed"):
        folder_source.FolderSource(tmp_path, 60, 80, 128, "train")


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_a_folder_in_color_equals_opencv(image_folder, cache):
    """PNG up to rounding; for JPEG, TensorFlow has another inverse DCT than OpenCV."""
    source = folder_source.FolderSource(image_folder, 60, 80, 128, cache=cache, channels=3)
    expected = [
        cv2.resize(cv2.imread(file, cv2.IMREAD_COLOR_RGB), (80, 60), None, 0, 0, cv2.INTER_AREA)
        for file in source.files
    ]
    nearest = []
    for image in read(source, 8):
        assert image.shape == (60, 80, 3)
        differences = np.abs(image.astype(int) - expected).reshape(8, -1)
        nearest.append(np.argmin(differences.mean(axis=1)))
        tolerance = 1 if source.files[nearest[-1]].endswith(".png") else 8
        assert differences[nearest[-1]].max() <= tolerance
        assert differences[nearest[-1]].mean() < 1.5
    assert sorted(nearest) == list(range(8))
