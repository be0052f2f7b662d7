"""Inputs of a run: a pure function of the step, divided among workers, with a validation set."""

import cv2
import numpy as np
import pytest
from helpers.tiny_runs import tiny_config

from keras_homography.training import inputs
from keras_homography.training.cluster import ALONE, Cluster
from keras_homography.utils.errors import UserError

TWO = ("a:1", "b:2")


@pytest.fixture(scope="module")
def frames(images, tmp_path_factory):
    """Eight frames of a camera that moves a pixel at a time."""
    folder = tmp_path_factory.mktemp("frames")
    for number in range(8):
        frame = images[0][10:90, 20 + number : 116 + number]
        assert cv2.imwrite(str(folder / f"{number}.png"), frame)
    return folder


@pytest.fixture(params=["images", "images, warped on the device", "frames"])
def config(request, image_folder, frames, tmp_path):
    if request.param == "frames":
        return tiny_config(tmp_path, dataset=frames, loss="photometric", image_size=(16, 16))
    where = "device" if "device" in request.param else "host"
    return tiny_config(tmp_path, dataset=image_folder, make_pairs_on=where, pairs_per_image=2)


def take(opened, step, count=1):
    """The first tensors of some batches, patches or images."""
    return [batch[0].numpy() for batch in opened.batches(step).take(count)]


def test_batches_continue_from_any_step(config):
    opened = inputs.open_inputs(config, ALONE)
    from_start, from_third = take(opened, 0, 5), take(opened, 3, 2)
    assert len(from_start[0]) == config.batch_size
    np.testing.assert_array_equal(from_start[3:], from_third)
    assert not np.array_equal(from_start[0], from_start[4])


def test_workers_share_every_batch_and_the_first_one_validates(config):
    whole = take(inputs.open_inputs(config, ALONE), 1)[0]
    opened = [inputs.open_inputs(config, Cluster(TWO, task)) for task in (0, 1)]
    parts = [take(worker, 1)[0] for worker in opened]
    np.testing.assert_array_equal(np.stack(parts, axis=1).reshape(whole.shape), whole)
    assert [worker.validation_set is not None for worker in opened] == [True, False]
    assert opened[0].validation_set.patches.shape == (10, 16, 16, 2)


def test_the_validation_set_does_not_depend_on_the_seed_of_training(image_folder, tmp_path):
    configs = [tiny_config(tmp_path, dataset=image_folder, seed=seed) for seed in (0, 1)]
    patches = [inputs.open_inputs(config, ALONE).validation_set.patches for config in configs]
    np.testing.assert_array_equal(*patches)


def test_what_cannot_be_used_is_named(image_folder, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for path in image_folder.rglob("*.*"):
        (images / path.name).write_bytes(path.read_bytes())
    (images / "broken.png").write_bytes(b"no image")
    config = tiny_config(tmp_path / "run", dataset=images, validation_dataset=image_folder)
    skipped = inputs.open_inputs(config, ALONE).skipped
    assert list(skipped) == [str(images / "broken.png")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "no_such_dataset"}, "neither a folder nor a TFDS dataset"),
        ({"data_service": "localhost"}, "grpc://host:port; got 'localhost'"),
    ],
)
def test_inputs_that_do_not_exist_are_named(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        inputs.open_inputs(tiny_config(tmp_path, **options), ALONE)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [([64], "holds no two frames"), ([64, 64, 48, 48, 48], "must be of one size")],
)
def test_frames_that_are_no_pairs_are_named(images, tmp_path, sizes, message):
    for number, size in enumerate(sizes):
        cv2.imwrite(str(tmp_path / f"{number}.png"), images[0][:size, :size])
    config = tiny_config(tmp_path / "run", dataset=tmp_path, loss="photometric")
    with pytest.raises(UserError, match=message):
        inputs.open_inputs(config, ALONE)
