"""Configurations: what is accepted, converted, refused, and that choices are those that exist."""

import dataclasses
import pathlib

import pytest

from keras_homography.data import distortion_names, distortions
from keras_homography.data.pair_spec import PairSpec
from keras_homography.models import registry
from keras_homography.training import (
    choices,
    loss_models,
    losses,
    matching_model,
    mixed_precision,
    optimizers,
)
from keras_homography.training.config import TrainConfig
from keras_homography.utils.errors import UserError


def test_the_defaults_are_the_papers_sizes():
    config = TrainConfig()
    assert config.spec == PairSpec(128, 32, 320, 240)
    assert not config.is_unlabeled


def test_values_become_what_flags_make_of_them():
    config = TrainConfig(
        dropout=0, output_dir=pathlib.Path("runs") / "mine", image_size=[160, 200], rho=8
    )
    assert isinstance(config.dropout, float)
    assert config.output_dir == "runs/mine"
    assert config.spec == PairSpec(rho=8, image_width=160, image_height=200)
    assert config == dataclasses.replace(config)
    assert hash(config) == hash(dataclasses.replace(config))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "--steps must be at least 1; got 0"),
        ({"steps": "100"}, "--steps must be int; got '100'"),
        ({"steps": True}, "--steps must be int"),
        ({"steps": 1.5}, "--steps must be int"),
        ({"steps": None}, "--steps must be int"),
        ({"width": "wide"}, "--width must be float"),
        ({"refine": 1}, "--refine must be bool"),
        ({"workers": "a:1"}, "--workers must be"),
        ({"loss": "l1"}, "--loss must be one of corner, l2, huber"),
        ({"gpus": -1}, "--gpus must be at least 0"),
        ({"image_size": (320,)}, "--image_size must be WIDTH,HEIGHT"),
        ({"image_size": (20, 20)}, "too small"),
        ({"rho": 64}, "below half the patch"),
        ({"make_pairs_on": "device", "distortion": "noise"}, "cannot apply --distortion=noise"),
    ],
)
def test_what_cannot_be_used_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        TrainConfig(**options)


MATCHER = {"model": "matcher", "loss": "matching", "dataset": "synthetic"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "corner"}, "belong together; got --loss=corner and --model=matcher"),
        ({"model": "cascade"}, "belong together; got --loss=matching and --model=cascade"),
        ({"patch_size": 100}, "--patch_size must be a multiple of 32 .*; got 100"),
        ({"patch_size": 0}, "--patch_size must be a multiple of 32 .*; got 0"),
        ({"patch_size": -32}, "--patch_size must be a multiple of 32 .*; got -32"),
        ({"patch_size": 256}, "--image_size must be at least --patch_size=256; got 320,240"),
        ({"distortion": "noise"}, "takes --distortion=sensors, or none .*; got --distortion=noise"),
        ({"distortion": "mixed"}, "got --distortion=mixed"),
        ({"refine": True}, "neither --refine nor --data_service nor --make_pairs_on=device"),
        ({"make_pairs_on": "device"}, "--make_pairs_on=device: its pairs are made on the host"),
        ({"data_service": "grpc://localhost:1"}, "neither --refine nor --data_service"),
    ],
)
def test_what_a_matcher_cannot_use_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        TrainConfig(**(MATCHER | options))


def test_a_matcher_is_trained_by_cameras_or_by_sensors():
    for distortion in ("none", "sensors"):
        config = TrainConfig(**MATCHER, distortion=distortion, patch_size=224, rho=150)
        assert config.is_matcher
        assert not config.is_unlabeled
    assert not TrainConfig().is_matcher
    with pytest.raises(UserError, match="--distortion=sensors is for --model=matcher; got --mod"):
        TrainConfig(distortion="sensors")


def test_unlabeled_pairs_are_used_as_they_are(tmp_path):
    """Images may be as small as a patch; options of generated pairs are refused."""
    unlabeled = {"dataset": tmp_path, "loss": "photometric", "image_size": (128, 128)}
    assert TrainConfig(**unlabeled).is_unlabeled
    with pytest.raises(UserError, match="--distortion=noise is for pairs that are generated"):
        TrainConfig(**unlabeled, distortion="noise")
    with pytest.raises(UserError, match="--cache=none is for pairs that are generated"):
        TrainConfig(**unlabeled, cache="none")
    labeled = TrainConfig(dataset="synthetic", loss="photometric", distortion="noise")
    assert not labeled.is_unlabeled


def test_every_choice_exists():
    metadata = {field.name: field.metadata["choices"] for field in dataclasses.fields(TrainConfig)}
    for name in metadata["loss"]:
        if name in ("cross_entropy", "photometric"):
            assert callable(getattr(losses, name))
        elif name == "matching":
            assert issubclass(matching_model.MatchingModel, loss_models.TrainableModel)
        else:
            assert callable(losses.get_loss(name, 4))
    for optimizer in metadata["optimizer"]:
        for schedule in metadata["schedule"]:
            optimizers.build_optimizer(optimizer, learning_rate=1.0, schedule=schedule)
    assert metadata["distortion"][-1] == distortion_names.SENSORS  # within `matching_pairs`
    for name in metadata["distortion"][1:-1]:
        assert callable(distortions.get_distortion(name))
    policies = [mixed_precision.find_policy(name, 0) for name in choices.PRECISIONS]
    assert policies[0] == "float32"
    assert policies[2:] == ["mixed_bfloat16", "mixed_float16"]


def test_every_architecture_is_named_in_the_help():
    (field,) = (field for field in dataclasses.fields(TrainConfig) if field.name == "model")
    for name in registry.ARCHITECTURES:
        assert name in field.metadata["description"]
