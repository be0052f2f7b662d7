"""What tests share: images that no test has to download."""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from ai_edge_litert import interpreter as litert
from hypothesis import settings

from keras_homography import alignment, allocation, synthetic

# The same examples everywhere: what passes here passes in CI.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

allocation.keep_freed()  # as the programs do


def eager_and_in_tf_data(function, *arguments):
    """The results of an in-graph function, eagerly and inside `tf.data`, as nested numpy arrays."""
    eager = function(*arguments)
    dataset = tf.data.Dataset.from_tensors(arguments).map(function)
    in_graph = next(iter(dataset))
    return tf.nest.map_structure(np.asarray, eager), tf.nest.map_structure(np.asarray, in_graph)


def in_tflite(function, *arguments):
    """The result of an in-graph function after conversion to built-in TFLite operators."""
    specifications = [tf.TensorSpec(argument.shape, argument.dtype) for argument in arguments]
    concrete = tf.function(function, input_signature=specifications).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = litert.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    for given, argument in zip(interpreter.get_input_details(), arguments, strict=True):
        interpreter.set_tensor(given["index"], argument)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def warped_pair(photo, seed, reach, size=(240, 160)):
    """The middle of a photo, uint8 `[height, width]`, and it again with corners moved by up to
    `reach` pixels: `(a, b, a_from_b)`."""
    square = alignment.corners(size).astype(np.float32)
    moves = np.random.default_rng(seed).uniform(-reach, reach, [4, 2]).astype(np.float32)
    a_from_b = cv2.getPerspectiveTransform(square, square + moves)
    left, top = (np.array(alignment.size_of(photo)) - size) // 2
    photo_from_a = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    a = np.ascontiguousarray(photo[top : top + size[1], left : left + size[0]])
    b = cv2.warpPerspective(photo, np.linalg.inv(photo_from_a @ a_from_b), size)
    return a, b, a_from_b


def corner_error(a_from_b, expected, size):
    """Mean distance of the corners of B in A, pixels."""
    square = alignment.corners(size)
    moved = alignment.transform(a_from_b, square) - alignment.transform(expected, square)
    return np.linalg.norm(moved, axis=1).mean()


@pytest.fixture(scope="session")
def images():
    """Four generated photos, uint8 `[4, 240, 320, 1]`."""
    seeds = tf.constant([[1, i] for i in range(4)], tf.int64)
    return np.stack([synthetic.draw_image(seed, 240, 320) for seed in seeds])


@pytest.fixture(scope="session")
def photo_folder(images, tmp_path_factory):
    """A folder of eight usable photos of several sizes, in two levels, JPEG and PNG."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "below").mkdir()
    for i in range(8):
        size = [(320, 240), (200, 300), (161, 160)][i % 3]
        photo = cv2.resize(images[i % 4], size)[:, :: 1 if i < 4 else -1]
        colour = np.dstack([photo, photo // 2, 255 - photo])
        suffix = "png" if i % 2 else "JPG"
        parent = folder / "below" if i % 4 == 3 else folder
        assert cv2.imwrite(str(parent / f"photo {i}.{suffix}"), colour)
    return folder


@pytest.fixture(scope="session")
def coco_data_dir(images, tmp_path_factory):
    """COCO 2017 with a few images, prepared by TFDS's own builder from a tree that we make.

    Only the download is replaced: this is what the extracted archives look like.
    """
    root = tmp_path_factory.mktemp("coco")
    (root / "annotations").mkdir()
    for split, count in {"train2017": 6, "val2017": 3, "test2017": 2}.items():
        (root / split).mkdir()
        entries = []
        for i in range(count):
            name = f"{i:012d}.jpg"
            photo = np.dstack([np.roll(images[i % 4], 9 * i, axis=1)] * 3)
            (root / split / name).write_bytes(cv2.imencode(".jpg", photo)[1].tobytes())
            entries.append({"id": i, "file_name": name, "height": 240, "width": 320})
        categories = [{"id": i, "name": f"class {i}"} for i in range(80)]
        content = {"images": entries, "annotations": [], "categories": categories}
        prefix = "image_info" if split == "test2017" else "instances"
        (root / "annotations" / f"{prefix}_{split}.json").write_text(json.dumps(content))

    data_dir = root / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tfds.download.DownloadManager,
            "download_and_extract",
            lambda _, urls: dict.fromkeys(urls, str(root)),
        )
        tfds.builder("coco/2017", data_dir=data_dir).download_and_prepare()
    return data_dir
