"""Folders as people have them: what cannot be used is named once, and training goes on."""

import json
import pathlib

import cv2
import numpy as np
import pytest
from helpers import dirty_files, programs

from keras_homography.data import frame_pairs, sources
from keras_homography.utils import image_input

SIZE = {"height": 120, "width": 160}


@pytest.fixture(scope="module")
def dirty(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    image = cv2.resize(images[0], (400, 300))
    return folder, *dirty_files.write(folder, np.dstack([image, image // 2, 255 - image]))


def names(paths):
    return {pathlib.Path(path).name for path in paths}


@pytest.mark.parametrize("cache", ["memory", "folder"])
@pytest.mark.parametrize("quick", [False, True])
def test_every_file_is_used_or_named_with_a_reason_once(dirty, tmp_path, caplog, cache, quick):
    folder, usable, unusable = dirty
    cache = str(tmp_path) if cache == "folder" else cache
    source = sources.open_source(folder, "all", min_side=64, cache=cache, quick=quick, **SIZE)
    assert names(source.files) == usable
    assert names(source.skipped) == unusable
    for path, reason in source.skipped.items():
        assert reason
        assert caplog.text.count(repr(path)) == 1
    count = len(usable)
    seen = np.stack([image for _, image in source.stream(0).take(3 * count)])
    assert seen.shape == (3 * count, SIZE["height"], SIZE["width"], 1)
    assert seen.std(axis=(1, 2, 3)).min() > 1


def test_uncached_images_that_cannot_be_decoded_are_left_out(dirty):
    folder, usable, _ = dirty
    source = sources.open_source(folder, "all", min_side=64, cache="none", quick=True, **SIZE)
    positions = [int(position) for position, _ in source.stream(0).take(3 * len(usable))]
    # So many of every round through the files, and in their places.
    rounds = np.bincount(np.array(positions) // source.count)
    assert (rounds[:2] == len(usable)).all()


def test_all_bad_is_an_error(dirty, tmp_path):
    folder, _, unusable = dirty
    for name in unusable - {"pipe.jpg", "itself.jpg"}:
        (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(ValueError, match="No usable image below"):
        sources.open_source(tmp_path, "all", min_side=64, **SIZE)


@pytest.mark.long
def test_a_run_goes_on_and_reports(dirty, tmp_path):
    folder, _, unusable = dirty
    flags = ["--width=0.05", "--dropout=0", "--patch_size=16", "--rho=4", "--image_size=48,40"]
    flags += ["--batch_size=4", "--steps=2", "--validation_pairs=4", "--schedule=constant"]
    data = [f"--dataset={folder}", f"--validation_dataset={folder}"]
    result = programs.run("keras_homography.train", *flags, *data, f"--output_dir={tmp_path}/run")
    assert result.returncode == 0, result.stderr
    skipped = json.loads((tmp_path / "run" / "metrics.json").read_text())["skipped"]
    assert names(skipped) == unusable
    assert f"{len(unusable)} files or folders of {folder} could not be used" in result.stdout


def test_one_image_is_read_or_refused(dirty):
    """What `predict` and frames are read with; OpenCV reads more than TensorFlow."""
    folder, usable, unusable = dirty
    read = set()
    for name in (usable | unusable) - {"pipe.jpg"}:
        try:
            image = image_input.read_image(folder / name)
        except ValueError as error:
            assert name in str(error)  # noqa: PT017
            continue
        assert image.dtype == np.uint8
        assert image.ndim == 3
        read.add(name)
    assert usable | {"1x1.png", "animated gif.jpg", "cmyk.jpg"} == read
    with pytest.raises(ValueError, match=r"pipe\.jpg is no regular file"):
        image_input.read_image(folder / "pipe.jpg")


def test_sequences_with_bad_frames_are_named(dirty, tmp_path, images):
    folder, *_ = dirty
    for name in ("lying.png", "truncated.jpg", "text.jpg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes((folder / "photo.PNG").read_bytes())
        (tmp_path / name / f"b{name[-4:]}").write_bytes((folder / name).read_bytes())
    (tmp_path / "good").mkdir()
    for name in "ab":
        cv2.imwrite(str(tmp_path / "good" / f"{name}.png"), images[0])
    source = frame_pairs.FramePairs(tmp_path, **SIZE)
    assert source.count == 1
    assert names(source.skipped) == {"b.png", "b.jpg"}
    assert len(source.skipped) == 3
