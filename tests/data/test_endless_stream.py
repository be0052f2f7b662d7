"""Streams of images that disappear: they end, and name their source."""

import shutil
import threading

import cv2
import numpy as np
import pytest
import tensorflow as tf
from helpers import image_streams

from keras_homography.data import batching, endless_stream, folder_source, indexed_source, sources
from keras_homography.utils import errors
from keras_homography.utils.errors import UserError

SIZES = {"height": 24, "width": 32, "min_side": 16}


def collect(stream, seconds=60):
    """Return what ends a stream, within bounded time: an error."""
    results = []

    def read():
        try:
            with errors.from_graphs():
                for _ in stream:
                    pass
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(seconds)
    assert results, "It searches for ever."
    return results[0]


@pytest.fixture
def photos(images, tmp_path):
    folder = tmp_path / "Fotos [ü] '1'"
    folder.mkdir()
    for number, image in enumerate(images):
        assert cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.mark.parametrize("cache", ["none", "folder"])
@pytest.mark.parametrize("shard", [(0, 1), (1, 2)])
def test_images_that_disappear_end_the_stream(photos, tmp_path, cache, shard):
    cache = cache if cache == "none" else str(tmp_path / "cache")
    source = folder_source.FolderSource(photos, **SIZES, cache=cache)
    stream = source.stream(0, shard=shard)
    assert len(list(stream.take(10))) == 10
    shutil.rmtree(photos if cache == "none" else cache)
    error = collect(stream)
    assert isinstance(error, UserError)
    assert f"No image of {str(photos)!r} can be read any more" in str(error)


def test_batches_of_pairs_end_too(photos):
    source = folder_source.FolderSource(photos, **SIZES, cache="none")
    spec = batching.PairSpec(patch_size=16, rho=4, image_width=32, image_height=24)
    batches = batching.pair_batches(source, spec, seed=0, batch_size=4)
    assert len(list(batches.take(3))) == 3
    shutil.rmtree(photos)
    assert isinstance(collect(batches), UserError)


def test_images_of_tfds_that_disappear_end_the_stream(coco_data_dir, tmp_path):
    shutil.copytree(coco_data_dir, tmp_path / "data")
    source = sources.open_source(
        "coco/2017", "train", **SIZES, data_dir=str(tmp_path / "data"), cache="none"
    )
    for start, shard in ((0, (0, 1)), (5, (1, 2))):
        stream = source.stream(0, start, shard)
        assert [int(position) for position, _ in stream.take(20)] == list(
            range(start + shard[0], start + shard[0] + 20 * shard[1], shard[1])
        )
    for path in (tmp_path / "data").rglob("*.tfrecord*"):
        path.unlink()
    error = collect(source.stream(0))
    assert isinstance(error, tf.errors.NotFoundError)  # the training loop makes it a `UserError`
    assert "tfrecord" in str(error)


def test_records_of_tfds_that_are_no_images_end_the_stream(coco_data_dir):
    source = sources.open_source(
        "coco/2017", "train", **SIZES, data_dir=str(coco_data_dir), cache="none"
    )
    source._encoded = source._encoded.map(lambda _: b"no image")
    error = collect(source.stream(0))
    assert isinstance(error, UserError)
    assert f"No image of {source.name!r} can be read any more" in str(error)


def test_one_image_among_many_that_fail_is_found_for_ever():
    def image_at(position):
        readable = tf.debugging.Assert(position % 120 == 7, ["broken"])
        with tf.control_dependencies([readable]):
            return tf.fill([2, 2, 1], tf.cast(position // 120, tf.uint8))

    stream = endless_stream.readable_images("mine", 120, image_at, 0, (0, 1))
    positions = [int(position) for position, _ in stream.take(30)]
    assert positions == list(range(7, 30 * 120, 120))


@pytest.mark.parametrize("channels", [1, 3])
def test_positions_and_images_are_those_without_failures(channels):
    def image_at(position):
        return tf.fill([2, 2, channels], tf.cast(position % 251, tf.uint8))

    for start, shard in ((0, (0, 1)), (1000, (2, 3))):
        stream = endless_stream.readable_images("mine", 10, image_at, start, shard)
        assert stream.element_spec[1].shape == [2, 2, channels]
        elements = list(stream.take(200).as_numpy_iterator())
        expected = range(start + shard[0], start + shard[0] + 200 * shard[1], shard[1])
        assert [position for position, _ in elements] == list(expected)
        for position, image in elements:
            np.testing.assert_array_equal(image, np.full([2, 2, channels], position % 251))


def test_images_in_memory_need_no_heartbeats(photos):
    source = folder_source.FolderSource(photos, **SIZES, cache="memory")
    shutil.rmtree(photos)
    assert len(image_streams.read(source, 100)) == 100
    images = tf.zeros([3, 2, 2, 1], tf.uint8)
    source = indexed_source.IndexedSource("mine", 3, lambda i: images[i], {}, can_fail=False)
    assert len(image_streams.read(source, 100)) == 100


def test_only_messages_of_ours_become_a_users_mistake():
    def fail(message):
        with errors.from_graphs():
            tf.debugging.Assert(False, [message])

    for message in ("broken", "ValueError: broken"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            fail(message)
    with pytest.raises(UserError, match=r"^mine$"), errors.from_graphs():
        raise UserError("mine")
