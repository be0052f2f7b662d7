"""Images of TFDS: its real COCO builder, and records that cannot be decoded."""

import types

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from helpers.image_streams import encode, read

from keras_homography.data import sources, tfds_source


class Records:
    """What `Tfds` needs of a builder, over encoded images that we choose."""

    def __init__(self, encoded):
        self.info = types.SimpleNamespace(
            full_name="records/1.0.0",
            splits={"train": types.SimpleNamespace(num_examples=len(encoded))},
            features={"image": None},
        )
        self._encoded = encoded

    def as_dataset(self, **_):
        return tf.data.Dataset.from_tensor_slices({"image": self._encoded})


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_bad_records_of_a_tfds_dataset_are_named(images, tmp_path, cache, caplog):
    cache = str(tmp_path) if cache == "disk" else cache
    good = [encode(np.roll(images[i], 9 * i)) for i in range(3)]
    builder = Records([b"text", good[0], good[1][:500], encode(images[0][:20]), *good[1:]])
    kept = []
    for _ in range(2):  # the second time from the copies
        source = tfds_source.TfdsSource(builder, "train", 60, 80, 32).cache(cache)
        assert source.count == 3
        assert list(source.skipped) == [f"records/1.0.0/train, image {i}" for i in (0, 2, 3)]
        kept.append({image.tobytes() for image in read(source, 3)})
        for copy in [path for path in tmp_path.rglob("*.grey") if path.stat().st_size][:1]:
            copy.write_bytes(b"half an image")
    assert kept[0] == kept[1]
    assert len(kept[0]) == 3
    assert "image 2" in caplog.text
    stream = tfds_source.TfdsSource(builder, "train", 60, 80, 32).stream(0).take(6)
    assert {image.tobytes() for _, image in stream.as_numpy_iterator()} == kept[0]
    with pytest.raises(ValueError, match="No usable image in records"):
        tfds_source.TfdsSource(Records([b"text"]), "train", 60, 80, 32).cache(cache)


def test_coco_by_its_real_builder(coco_data_dir, images):
    tf.random.set_seed(0)  # as training does: `Dataset.shuffle` behaves differently then
    train, validation = (
        sources.open_source(
            "coco/2017", part, height=120, width=160, min_side=128, data_dir=coco_data_dir
        )
        for part in ("train", "validation")
    )
    assert train.name == "coco/2017/1.1.0/train"
    stream = read(train, 18)
    rounds = [{image.tobytes() for image in stream[i : i + 6]} for i in (0, 6, 12)]
    assert len(rounds[0]) == 6
    assert rounds[0] == rounds[1] == rounds[2]
    assert len({image.tobytes() for image in read(validation, 9)}) == 3
    np.testing.assert_array_equal(read(train, 3, start=8), stream[8:11])

    expected = {
        cv2.resize(np.roll(images[i % 4], 9 * i, axis=1), (160, 120), None, 0, 0, cv2.INTER_AREA)
        .mean()
        .round()
        for i in range(6)
    }
    assert {image.mean().round() for image in stream} <= {
        m + d for m in expected for d in (-1, 0, 1)
    }


def test_tfds_orders_differ_between_rounds(coco_data_dir):
    stream = [
        image.tobytes()
        for image in read(
            sources.open_source(
                "coco/2017", "train", height=60, width=80, min_side=128, data_dir=coco_data_dir
            ),
            30,
        )
    ]
    assert len({tuple(stream[i : i + 6]) for i in range(0, 30, 6)}) > 1


def test_data_that_is_not_prepared_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="not prepared") as error:
        sources.open_source(
            "coco/2017", "train", height=240, width=320, min_side=128, data_dir=str(tmp_path)
        )
    for part in (f"tfds build coco/2017 --data_dir {tmp_path}", "25.20 GiB", "--dataset=synthetic"):
        assert part in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_tfds_dataset_without_images_or_split_is_refused(coco_data_dir):
    builder = tfds.builder("coco/2017", data_dir=coco_data_dir)
    with pytest.raises(ValueError, match="has no split 'nowhere'; it has"):
        tfds_source.TfdsSource(builder, "nowhere", 60, 80, 32)
    del builder.info.features._feature_dict["image"]
    with pytest.raises(ValueError, match="has no feature 'image'; it has"):
        tfds_source.TfdsSource(builder, "train", 60, 80, 32)
