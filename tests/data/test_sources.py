"""Sources opened by name, and what all of them promise."""

import cv2
import numpy as np
import pytest
from helpers.image_streams import read

from keras_homography.data import sources
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module", params=["folder", "uncached folder", "tfds", "synthetic"])
def source(request, image_folder, coco_data_dir):
    dataset = {"tfds": "coco/2017", "synthetic": "synthetic"}.get(request.param, str(image_folder))
    return sources.open_source(
        dataset,
        "train",
        height=30,
        width=40,
        min_side=32,
        data_dir=str(coco_data_dir),
        cache="none" if request.param == "uncached folder" else "auto",
    )


def test_every_source_says_what_it_is(source):
    assert isinstance(source.name, str)
    assert source.skipped == {}
    assert source.count is None or source.count > 1
    assert (source.count is None) == (source.name == "synthetic")


@pytest.mark.long
def test_a_stream_is_a_function_of_its_seed(source):
    stream = np.stack(read(source, 12))
    assert stream.shape == (12, 30, 40, 1)
    assert stream.dtype == np.uint8
    np.testing.assert_array_equal(read(source, 12), stream)
    np.testing.assert_array_equal(read(source, 4, start=7), stream[7:11])
    assert not np.array_equal(read(source, 12, seed=1), stream)


@pytest.mark.long
@pytest.mark.parametrize(
    ("dataset", "cache", "quick"),
    [
        ("folder", "memory", False),
        ("folder", "none", True),
        ("coco/2017", "memory", True),
        ("coco/2017", "none", False),
        ("synthetic", "auto", False),
    ],
)
def test_every_source_has_color(image_folder, coco_data_dir, dataset, cache, quick):
    color, gray = (
        sources.open_source(
            str(image_folder) if dataset == "folder" else dataset,
            "train",
            height=30,
            width=40,
            min_side=32,
            data_dir=str(coco_data_dir),
            cache=cache,
            quick=quick,
            channels=channels,
        )
        for channels in (3, 1)
    )
    assert color.stream(0).element_spec[1].shape == (30, 40, 3)
    assert color.count == gray.count
    in_color = np.stack(read(color, 10))
    assert in_color.shape == (10, 30, 40, 3)
    assert in_color.dtype == np.uint8
    np.testing.assert_array_equal(read(color, 3, start=6), in_color[6:9])
    for one, other in zip(in_color, read(gray, 10), strict=True):
        exact = ((one > 0) & (one < 255)).all(axis=-1)
        as_gray = cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(int)
        assert exact.sum() > 100
        assert np.median(np.abs(as_gray - other[..., 0])[exact]) <= 1


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_other_numbers_of_channels_are_refused(channels):
    with pytest.raises(UserError, match=f"channels is {channels}; give 1 .* or 3"):
        sources.open_source("synthetic", "all", height=30, width=40, min_side=8, channels=channels)


def test_shards_are_together_the_whole(source):
    whole = list(source.stream(5, 6).take(12).as_numpy_iterator())
    parts = [source.stream(5, 6, (i, 3)).take(4).as_numpy_iterator() for i in range(3)]
    for expected_position, expected in whole:
        position, image = next(parts[(expected_position - 6) % 3])
        assert position == expected_position
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(
    "name", ["no_such_dataset", "coco/2099", "path/to/nothing", "../nothing", "." * 300]
)
def test_a_wrong_name_says_what_there_is(name, tmp_path):
    with pytest.raises(UserError, match="neither a folder nor a TFDS dataset") as error:
        sources.open_source(
            name, "train", height=240, width=320, min_side=128, data_dir=str(tmp_path)
        )
    assert "'synthetic'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="is a file"):
        sources.open_source(
            str(tmp_path / "photo.jpg"), "train", height=240, width=320, min_side=128
        )
