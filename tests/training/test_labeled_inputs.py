"""Inputs from labeled pairs of photos: split by scene, mixed with generated pairs, validated."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from helpers.labeled_folders import write_pair, write_scenes
from helpers.tiny_runs import tiny_config

from keras_homography.training import inputs
from keras_homography.training.cluster import ALONE, Cluster
from keras_homography.training.config import TrainConfig
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("pairs"), images)


@pytest.fixture
def config(folder, tmp_path):
    return tiny_config(tmp_path, dataset=folder)


def take(config, count=1, cluster=ALONE):
    opened = inputs.open_inputs(config, cluster)
    return [batch[0].numpy() for batch in opened.batches(0).take(count)], opened


def test_scenes_are_held_out_and_what_was_read_is_printed(config, capsys):
    (patches,), opened = take(config)
    assert config.is_labeled
    assert patches.shape == (4, 16, 16, 2)
    assert opened.validation_set.patches.shape == (10, 16, 16, 2)
    assert list(opened.residuals) == ["kind/scene 1", "kind/scene 3"]
    printed = capsys.readouterr().out
    assert f"{config.dataset}: 4 labeled pairs, scenes: 4, left out: 0." in printed
    assert "points of 2 pairs are 0.00 px off on average, at most 0.00 px (kind/scene" in printed


@pytest.mark.long
def test_a_share_of_every_batch_is_generated(config):
    (labeled, _), _ = take(config, count=2)
    mixed = dataclasses.replace(config, mix_synthetic=0.3)  # 1 of 4
    (first, second), opened = take(mixed, count=2)
    np.testing.assert_array_equal(first[:3], labeled[:3])
    batches = opened.batches(1)
    assert batches.element_spec[0].shape[1:] == (16, 16, 2)
    np.testing.assert_array_equal(next(iter(batches))[0], second)
    second_of_two = Cluster(("a:1", "b:2"), 1)
    (of_worker,), worker = take(
        dataclasses.replace(mixed, mix_synthetic=0.5), cluster=second_of_two
    )
    assert of_worker.shape == (2, 16, 16, 2)
    np.testing.assert_array_equal(of_worker[0], labeled[1])
    assert worker.validation_set is None
    with pytest.raises(UserError, match=r"--mix_synthetic=0.1 of 4 pairs in a batch is 0 of them"):
        take(dataclasses.replace(config, mix_synthetic=0.1, batch_size=8), cluster=second_of_two)


def test_other_labeled_pairs_validate_what_is_trained_on_generated_ones(folder, tmp_path):
    config = tiny_config(tmp_path, dataset="synthetic", validation_dataset=folder)
    opened = inputs.open_inputs(config, ALONE)
    of_photos = opened.validation_set.patches
    assert len(opened.residuals) == 2
    config = dataclasses.replace(config, dataset=folder, validation_dataset="synthetic")
    of_images = inputs.open_inputs(config, ALONE).validation_set.patches
    assert of_images.shape == of_photos.shape
    assert not np.array_equal(of_images, of_photos)


def test_one_scene_cannot_be_split(images, tmp_path):
    for name in ("morning", "evening"):
        write_pair(tmp_path / "pairs" / name, images[0][..., 0])
    config = tiny_config(tmp_path / "run", dataset=tmp_path / "pairs")
    with pytest.raises(UserError, match="2 usable pairs are of one scene"):
        inputs.open_inputs(config, ALONE)


@pytest.mark.long
def test_pairs_for_the_matcher_are_mixed_too(folder, tmp_path):
    config = TrainConfig(
        **{"model": "matcher", "loss": "matching", "patch_size": 64, "image_size": (80, 64)},
        **{"dataset": folder, "mix_synthetic": 0.5, "batch_size": 2, "validation_pairs": 2},
        output_dir=tmp_path,
    )
    opened = inputs.open_inputs(config, ALONE)
    batch = next(iter(opened.batches(0)))
    shapes = [tuple(part.shape) for part in tf.nest.flatten(batch)]
    assert shapes == [(2, 64, 64, 2), (2, 3, 3), (2, 64, 2), (2, 64)]
    assert opened.validation_set.patches.shape == (2, 64, 64, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mix_synthetic": 1.0}, "--mix_synthetic must be a share from 0 to below 1; got 1"),
        ({"max_residual": 0}, "--max_residual must be above 0 pixels; got 0"),
        ({"make_pairs_on": "device"}, "--make_pairs_on=device is for pairs that are generated"),
        ({"distortion": "noise"}, r"--distortion=noise .*cut out of photos \(or use --mix_syn"),
        ({"dataset": "synthetic", "mix_synthetic": 0.5}, "--dataset=synthetic holds none: no b_"),
    ],
)
def test_options_that_do_not_fit_labeled_pairs_are_refused(folder, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        tiny_config(tmp_path, **({"dataset": folder} | options))
    assert tiny_config(tmp_path, dataset=folder, mix_synthetic=0.5, distortion="noise").is_labeled
