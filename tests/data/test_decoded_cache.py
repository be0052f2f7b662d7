"""Decoded images in memory and in a folder."""

import pathlib
import shutil

import numpy as np
import pytest
from helpers.image_streams import encode, read

from keras_homography.data import folder_source, sources


def test_every_cache_gives_the_same_images(image_folder, tmp_path):
    kept = str(tmp_path / "kept")
    memory, disk, none = (
        folder_source.FolderSource(image_folder, 60, 80, 128, cache=cache)
        for cache in ("memory", kept, "none")
    )
    for expected, *others in zip(read(memory, 20), read(disk, 20), read(none, 20), strict=True):
        for other in others:
            np.testing.assert_array_equal(other, expected)


def test_a_cache_on_disk_is_made_once_and_follows_changes(image_folder, tmp_path):
    folder, kept = tmp_path / "photos", tmp_path / "kept"
    shutil.copytree(image_folder, folder)

    def open_and_list():
        source = folder_source.FolderSource(folder, 60, 80, 128, cache=str(kept))
        files = {path: path.stat().st_mtime_ns for path in kept.rglob("*.grey")}
        return source, files

    source, first = open_and_list()
    assert len(first) == source.count == 8
    assert all(path.stat().st_size == 60 * 80 for path in first)
    assert open_and_list()[1] == first
    next(iter(first)).write_bytes(b"half of it")
    second = open_and_list()[1]
    assert second.keys() == first.keys()
    assert all(path.stat().st_size == 60 * 80 for path in second)
    changed = pathlib.Path(source.files[0])
    changed.write_bytes(encode(np.full((200, 200), 9, np.uint8), changed.suffix))
    source, third = open_and_list()
    assert len(third) == 9
    assert sum((image == 9).all() for image in read(source, 8)) == 1
    assert not list(kept.rglob(".*"))  # no temporary files


def test_a_folder_that_cannot_be_written_is_an_error(image_folder, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="file"):
        folder_source.FolderSource(image_folder, 60, 80, 128, cache=str(tmp_path / "file"))


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_a_tfds_dataset_can_be_kept(coco_data_dir, tmp_path, cache):
    cache = str(tmp_path) if cache == "disk" else cache
    options = {"height": 60, "width": 80, "min_side": 32, "data_dir": str(coco_data_dir)}
    kept, plain = (
        sources.open_source("coco/2017", "train", **options, cache=kind) for kind in (cache, "none")
    )
    assert {image.tobytes() for image in read(kept, 6)} == {
        image.tobytes() for image in read(plain, 6)
    }
    for missing in list(tmp_path.rglob("*.grey"))[:2]:
        missing.unlink()
    again = sources.open_source("coco/2017", "train", **options, cache=cache)
    for one, other in zip(read(again, 12), read(kept, 12), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dataset", ["folder", "coco/2017"])
def test_gray_and_color_are_kept_apart(image_folder, coco_data_dir, tmp_path, dataset):
    def open_source(cache, channels):
        return sources.open_source(
            str(image_folder) if dataset == "folder" else dataset,
            "all",
            height=60,
            width=80,
            min_side=32,
            data_dir=str(coco_data_dir),
            cache=cache,
            channels=channels,
        )

    def copies():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.grey")}

    gray = read(open_source(str(tmp_path), 1), 8)
    copies_of_gray = copies()
    color = read(open_source(str(tmp_path), 3), 8)
    copies_of_both = copies()
    assert len(copies_of_both) == 2 * len(copies_of_gray)
    assert copies_of_gray.items() <= copies_of_both.items()
    assert {path.stat().st_size for path in copies_of_both} == {60 * 80, 3 * 60 * 80}
    for channels, images in ((1, gray), (3, color)):
        for cache in (str(tmp_path), "memory"):
            np.testing.assert_array_equal(read(open_source(cache, channels), 8), images)
    assert copies() == copies_of_both
