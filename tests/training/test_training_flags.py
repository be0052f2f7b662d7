"""Flags, configurations and flag files say the same."""

import dataclasses
import pathlib

import numpy as np
import pytest
from absl import flags

from keras_homography.training import optimizers, training_flags
from keras_homography.training.config import TrainConfig
from keras_homography.utils import files

FLAG_FILES = sorted(
    path.name for path in pathlib.Path(files.packaged_file("flags", "paper.flags")).parent.iterdir()
)


def parse(*arguments):
    """The configuration of a command line."""
    flag_values = flags.FlagValues()
    training_flags.define_flags(flag_values)
    flag_values(["train", *arguments])
    return training_flags.config_from_flags(flag_values)


def test_no_flags_are_the_default_configuration():
    assert parse() == TrainConfig()


# Of every type, and every one without a default.
OTHER = TrainConfig(
    dataset="path/to/images",
    data_dir="path",
    data_service="grpc://host:5050",
    dropout=0.25,
    initial_weights="shipped",
    clip_norm=20,
    refine=True,
    image_size=(240, 200),
    workers=("host0:5000", "host1:5000"),
    task=1,
    learning_rate=1e-3,
    deterministic=True,
)


@pytest.mark.parametrize("config", [TrainConfig(), OTHER])
def test_the_text_of_a_configuration_is_the_configuration(config):
    text = training_flags.flags_text(config)
    assert parse(*text.splitlines()) == config
    assert text.splitlines() == sorted(text.splitlines())


def test_the_text_is_what_absl_would_write():
    flag_values = flags.FlagValues()
    training_flags.define_flags(flag_values)
    flag_values(["train", *training_flags.flags_text(OTHER).splitlines()])
    serialized = [flag_values[field.name].serialize() for field in dataclasses.fields(OTHER)]
    assert training_flags.flags_text(OTHER).splitlines() == sorted(serialized)


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("--no_such_flag=1", flags.UnrecognizedFlagError),
        ("--steps=0", flags.IllegalFlagValueError),
        ("--steps=-5", flags.IllegalFlagValueError),
        ("--batch_size=x", flags.IllegalFlagValueError),
        ("--loss=l1", flags.IllegalFlagValueError),
        ("--image_size=320", ValueError),
        ("--image_size=wide,high", ValueError),
    ],
)
def test_wrong_flags_are_refused(argument, error):
    with pytest.raises(error, match=argument[2:].split("=")[0]):
        parse(argument)


@pytest.mark.parametrize("name", FLAG_FILES)
def test_flag_files_of_the_package_are_valid(name):
    """An unknown flag would fail, and a line that is neither flag nor comment."""
    path = files.packaged_file("flags", name)
    # A share of generated pairs needs a folder of labeled ones.
    without_pairs = ["--mix_synthetic=0"] if name == "labeled.flags" else []
    config = parse(f"--flagfile={path}", *without_pairs)
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            assert line.split("=")[0] in training_flags.flags_text(config), line


def test_the_papers_recipe_is_the_papers():
    """DeTone, Malisiewicz, Rabinovich 2016, section 4: "Experiments" and "Training"."""
    config = parse(f"--flagfile={files.packaged_file('flags', 'paper.flags')}")
    sizes = {"patch_size": 128, "rho": 32, "image_size": (320, 240), "width": 1.0}
    optimization = {"optimizer": "sgd", "learning_rate": 0.005, "loss": "l2", "dropout": 0.5}
    length = {"steps": 90_000, "batch_size": 64, "schedule": "step", "decay_steps": 30_000}
    nothing_else = {"warmup_steps": 0, "clip_norm": None, "mixed_precision": "none"}
    plain_pairs = {"distortion": "none", "refine": False, "initial_weights": None}
    for name, value in (sizes | optimization | length | nothing_else | plain_pairs).items():
        assert getattr(config, name) == value, name

    optimizer = optimizers.build_optimizer(
        config.optimizer,
        learning_rate=config.learning_rate,
        schedule=config.schedule,
        steps=config.steps,
        decay_steps=config.decay_steps,
    )
    assert optimizer.momentum == 0.9
    rates = [0.0 + optimizer._learning_rate(step) for step in (0, 29_999, 30_000, 60_000, 89_999)]
    np.testing.assert_allclose(rates, [5e-3, 5e-3, 5e-4, 5e-5, 5e-5], rtol=1e-6)
