"""Sources of photos: folders with bad files, TFDS's real COCO builder, names that are wrong."""

import pathlib
import shutil
import types

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_homography.data import decoding, folder_source, sources, synthetic_source, tfds_source


def read(source, count, seed=0, start=0):
    return [photo for _, photo in source.stream(seed, start).take(count).as_numpy_iterator()]


def encode(image, suffix=".png"):
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.mark.parametrize(("height", "width"), [(480, 640), (100, 640), (60, 80), (333, 247)])
def test_decode_equals_opencv(images, height, width):
    """Reduction by area, enlargement bilinear, as `cv2.resize` with INTER_AREA."""
    photo = cv2.resize(images[0], (width, height), interpolation=cv2.INTER_CUBIC)
    decoded = decoding.decode(encode(photo), 120, 160).numpy()
    both_shrink = height >= 120 and width >= 160
    expected = cv2.resize(
        photo, (160, 120), interpolation=cv2.INTER_AREA if both_shrink else cv2.INTER_LINEAR
    )
    assert decoded.shape == (120, 160, 1)
    assert np.abs(decoded[..., 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(480, 640), (427, 640), (640, 427), (240, 320)])
def test_decode_quickly_is_near_decode(images, height, width):
    """At reduced size, then bilinear: without aliasing. TensorFlow's default way to decode at full
    size makes photos half a gray level darker."""
    encoded = encode(cv2.resize(images[0], (width, height)), ".jpg")
    quick = decoding.decode_quickly(encoded, 120, 160).numpy().astype(float)
    exact = decoding.decode(encoded, 120, 160).numpy().astype(float)
    assert np.abs(quick - exact).mean() < 2.0
    assert abs(np.mean(quick - exact) - 0.5) < 0.3
    png = encode(images[0])
    np.testing.assert_array_equal(
        decoding.decode_quickly(png, 120, 160), decoding.decode(png, 120, 160)
    )


@pytest.mark.parametrize("decode", [decoding.decode, decoding.decode_quickly])
def test_photos_below_a_side_are_refused_in_the_graph_too(images, decode):
    encoded = encode(images[0], ".jpg")
    assert decode(encoded, 60, 80, 240).shape == (60, 80, 1)
    stream = tf.data.Dataset.from_tensors(encoded).map(lambda file: decode(file, 60, 80, 241))
    with pytest.raises(tf.errors.InvalidArgumentError, match="320x240 is below 241 pixels"):
        next(iter(stream))


def test_decode_makes_color_gray(images):
    color = np.dstack([images[0]] * 2 + [255 - images[0]])
    decoded = decoding.decode(encode(color), 240, 320).numpy()
    expected = cv2.cvtColor(color, cv2.COLOR_BGR2GRAY)
    assert np.abs(decoded[..., 0].astype(int) - expected).max() <= 1


def test_folder_finds_all_photos(image_folder):
    source = folder_source.FolderSource(image_folder, 60, 80, min_side=128)
    assert len(source.files) == 8
    assert sum("below" in file for file in source.files) == 2
    assert source.skipped == {}
    assert {photo.shape for photo in read(source, 3)} == {(60, 80, 1)}


def test_folder_streams_every_photo_once_a_round_in_new_orders(image_folder):
    source = folder_source.FolderSource(image_folder, 60, 80, min_side=128)
    stream = [photo.tobytes() for photo in read(source, 24)]
    rounds = [stream[i : i + 8] for i in (0, 8, 16)]
    assert all(len(set(one)) == 8 for one in rounds)
    assert rounds[0] != rounds[1] != rounds[2]
    assert [photo.tobytes() for photo in read(source, 4, start=11)] == stream[11:15]
    assert [photo.tobytes() for photo in read(source, 8, seed=1)] != rounds[0]


def test_every_cache_gives_the_same_photos(image_folder, tmp_path):
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
    changed = pathlib.Path(source.files[0])
    changed.write_bytes(encode(np.full((200, 200), 9, np.uint8), changed.suffix))
    half = next(iter(first))
    half.write_bytes(b"half a photo")
    source, second = open_and_list()
    assert len(second) in (9, 8)  # one more, unless the half photo was the one that changed
    assert any((photo == 9).all() for photo in read(source, 8))
    assert not list(kept.rglob(".*"))


def test_photos_that_go_bad_are_left_out_of_the_stream(image_folder, tmp_path):
    shutil.copytree(image_folder, tmp_path / "photos")
    source = folder_source.FolderSource(tmp_path / "photos", 60, 80, 128, cache="none")
    whole = [position for position, _ in source.stream(0).take(16).as_numpy_iterator()]
    assert whole == list(range(16))
    pathlib.Path(source.files[3]).write_bytes(b"not a photo any more")
    left = [position for position, _ in source.stream(0).take(14).as_numpy_iterator()]
    assert len(set(range(16)) - set(left)) == 2  # once a round


def test_shards_are_together_the_whole(image_folder):
    for source in (
        folder_source.FolderSource(image_folder, 60, 80, 128),
        synthetic_source.SyntheticSource(60, 80),
    ):
        whole = list(source.stream(5, 6).take(12).as_numpy_iterator())
        parts = [source.stream(5, 6, (i, 3)).take(4).as_numpy_iterator() for i in range(3)]
        for expected in whole:
            position, photo = next(parts[(expected[0] - 6) % 3])
            assert position == expected[0]
            np.testing.assert_array_equal(photo, expected[1])


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_a_tfds_dataset_can_be_kept(coco_data_dir, tmp_path, cache):
    cache = str(tmp_path) if cache == "disk" else cache
    options = {"height": 60, "width": 80, "min_side": 32, "data_dir": str(coco_data_dir)}
    kept, plain = (
        sources.open_source("coco/2017", "train", **options, cache=kind) for kind in (cache, "none")
    )
    assert {photo.tobytes() for photo in read(kept, 6)} == {
        photo.tobytes() for photo in read(plain, 6)
    }
    for missing in list(tmp_path.rglob("*.grey"))[:2]:
        missing.unlink()
    again = sources.open_source("coco/2017", "train", **options, cache=cache)
    for one, other in zip(read(again, 12), read(kept, 12), strict=True):
        np.testing.assert_array_equal(one, other)


class Records:
    """What `Tfds` needs of a builder, over encoded photos that we choose."""

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
        kept.append({photo.tobytes() for photo in read(source, 3)})
        for copy in [path for path in tmp_path.rglob("*.grey") if path.stat().st_size][:1]:
            copy.write_bytes(b"half a photo")
    assert kept[0] == kept[1]
    assert len(kept[0]) == 3
    assert "image 2" in caplog.text
    stream = tfds_source.TfdsSource(builder, "train", 60, 80, 32).stream(0).take(6)
    assert {photo.tobytes() for _, photo in stream.as_numpy_iterator()} == kept[0]
    with pytest.raises(ValueError, match="No usable image in records"):
        tfds_source.TfdsSource(Records([b"text"]), "train", 60, 80, 32).cache(cache)


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
    (tmp_path / "text.jpeg").write_text("This is not a photo.")
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


def test_a_folder_without_a_usable_photo_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"No usable image below .*: 0 JPEG or PNG files found"):
        sources.open_source(str(tmp_path), "all", height=60, width=80, min_side=128)
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(ValueError, match="1 JPEG or PNG files found, 1 skipped"):
        sources.open_source(str(tmp_path), "all", height=60, width=80, min_side=128)
    with pytest.raises(ValueError, match="at least 2 are needed"):
        sources.open_source(str(tmp_path), "train", height=60, width=80, min_side=128)


def test_synthetic_stream_can_start_anywhere():
    source = sources.open_source("synthetic", "train", height=48, width=64, min_side=32)
    stream = read(source, 5)
    np.testing.assert_array_equal(read(source, 2, start=3), stream[3:])


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
    rounds = [{photo.tobytes() for photo in stream[i : i + 6]} for i in (0, 6, 12)]
    assert len(rounds[0]) == 6
    assert rounds[0] == rounds[1] == rounds[2]
    assert len({photo.tobytes() for photo in read(validation, 9)}) == 3
    np.testing.assert_array_equal(read(train, 3, start=8), stream[8:11])

    expected = {
        cv2.resize(np.roll(images[i % 4], 9 * i, axis=1), (160, 120), None, 0, 0, cv2.INTER_AREA)
        .mean()
        .round()
        for i in range(6)
    }
    assert {photo.mean().round() for photo in stream} <= {
        m + d for m in expected for d in (-1, 0, 1)
    }


def test_tfds_orders_differ_between_rounds(coco_data_dir):
    stream = [
        photo.tobytes()
        for photo in read(
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


@pytest.mark.parametrize(
    "name", ["no_such_dataset", "coco/2099", "path/to/nothing", "../nothing", "." * 300]
)
def test_a_wrong_name_says_what_there_is(name, tmp_path):
    with pytest.raises(ValueError, match="neither a folder nor a TFDS dataset") as error:
        sources.open_source(
            name, "train", height=240, width=320, min_side=128, data_dir=str(tmp_path)
        )
    assert "'synthetic'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="is a file"):
        sources.open_source(
            str(tmp_path / "photo.jpg"), "train", height=240, width=320, min_side=128
        )


def test_a_tfds_dataset_without_images_or_split_is_refused(coco_data_dir):
    builder = tfds.builder("coco/2017", data_dir=coco_data_dir)
    with pytest.raises(ValueError, match="has no split 'nowhere'; it has"):
        tfds_source.TfdsSource(builder, "nowhere", 60, 80, 32)
    del builder.info.features._feature_dict["image"]
    with pytest.raises(ValueError, match="has no feature 'image'; it has"):
        tfds_source.TfdsSource(builder, "train", 60, 80, 32)
