"""Configurations of `evaluate` and `calibrate`."""

import dataclasses

import pytest

from keras_homography.evaluation import CalibrateConfig, EvaluateConfig
from keras_homography.utils.errors import UserError


def test_flags_say_what_the_configuration_does():
    config = EvaluateConfig(
        model=("ecc", "a.keras"), strengths=(0.5, 1.0), num_threads=2, trust=True, pairs=7
    )
    assert config.as_flags().splitlines() == [
        "--dataset=coco/2017",
        "--distortion=none",
        "--error=points",
        "--matcher=matcher",
        "--max_attempts=10",
        "--model=ecc,a.keras",
        "--nopaper_doubling",
        "--output_dir=runs/evaluation",
        "--pairs=7",
        "--protocol=coco128",
        "--strengths=0.5,1",
        "--threads=2",
        "--trust_model",
    ]


def test_paper_doubling_is_a_field_of_the_protocol():
    config = EvaluateConfig(protocol="paper256", paper_doubling=True)
    assert config.get_protocol().paper_doubling
    assert not dataclasses.replace(config, paper_doubling=False).get_protocol().paper_doubling


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pairs": 0}, "pairs must be at least 1"),
        ({"protocol": "coco"}, "no protocol 'coco'"),
        ({"distortion": ("fog",)}, "no distortion 'fog'"),
        ({"distortion": ("blur",), "strengths": (9.0,)}, "at most 2"),
        ({"distortion": ("blur", "blur")}, "given twice"),
    ],
)
def test_mistakes_are_refused_before_anything_is_opened(fields, message):
    with pytest.raises(UserError, match=message):
        EvaluateConfig(**fields)


@pytest.mark.parametrize("protocol", ["pairs", "traps"])
def test_whole_images_may_be_matched_longer_and_by_another_matcher(protocol):
    config = EvaluateConfig(protocol=protocol, matcher="mine.tflite", max_attempts=100)
    assert {"--matcher=mine.tflite", "--max_attempts=100"} <= set(config.as_flags().splitlines())


def test_calibration_needs_two_pairs():
    with pytest.raises(UserError, match="at least 2"):
        CalibrateConfig(pairs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "pairs", "distortion": ("noise",)}, "--distortion has no effect"),
        ({"protocol": "pairs", "seed": 1}, "--seed has no effect"),
        ({"protocol": "traps", "pairs": 5}, "--pairs has no effect"),
        ({"protocol": "traps", "part": "tune"}, "--part has no effect"),
        ({"protocol": "coco128", "resize_short_side": 480}, "--resize_short_side has no effect"),
        ({"protocol": "coco128", "matcher": "mine.tflite"}, "--matcher has no effect with"),
        ({"protocol": "paper256", "max_attempts": 20}, "--max_attempts has no effect with"),
        ({"protocol": "pairs", "max_attempts": 0}, "max_attempts must be at least 1; got 0"),
        ({"protocol": "pairs", "part": "half"}, "part must be tune or report"),
        ({"protocol": "pairs", "error": "area"}, "error must be points or corners"),
        ({"protocol": "pairs", "resize_short_side": 1}, "at least 32"),
    ],
)
def test_options_that_a_protocol_would_ignore_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        EvaluateConfig(**options)
