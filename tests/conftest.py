"""Fixtures that tests share: images that no test has to download."""

import json
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from hypothesis import settings

from keras_homography.data import synthetic_images
from keras_homography.utils import memory

# The same examples everywhere: what passes here passes in CI.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

memory.keep_freed_memory()  # as the programs do
# The list of models that were written here: not in the home folder of who runs the tests.
_DATA_HOME = tempfile.TemporaryDirectory(prefix="keras_homography-")
os.environ["XDG_DATA_HOME"] = os.environ["LOCALAPPDATA"] = _DATA_HOME.name
_LONG_FOLDERS = ("programs", "training", "layers", "saving")


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest: what ends the tests is then short for every process.

    Programs come first, as they wait for each other while the next file is computed.
    """
    order = {name: number for number, name in enumerate(_LONG_FOLDERS)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


@pytest.fixture(scope="session")
def images():
    """Four generated images, uint8 `[4, 240, 320, 1]`."""
    seeds = tf.constant([[1, i] for i in range(4)], tf.int64)
    return np.stack([synthetic_images.draw_image(seed, 240, 320) for seed in seeds])


@pytest.fixture(scope="session")
def image_folder(images, tmp_path_factory):
    """A folder of eight usable images of several sizes, in two levels, JPEG and PNG."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "below").mkdir()
    for i in range(8):
        size = [(320, 240), (200, 300), (161, 160)][i % 3]
        image = cv2.resize(images[i % 4], size)[:, :: 1 if i < 4 else -1]
        color = np.dstack([image, image // 2, 255 - image])
        suffix = "png" if i % 2 else "JPG"
        parent = folder / "below" if i % 4 == 3 else folder
        assert cv2.imwrite(str(parent / f"photo {i}.{suffix}"), color)
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
            image = np.dstack([np.roll(images[i % 4], 9 * i, axis=1)] * 3)
            (root / split / name).write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
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
