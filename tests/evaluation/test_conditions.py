"""Distortions combined with strengths."""

import pytest

from keras_homography.evaluation import conditions
from keras_homography.utils.errors import UserError


def test_distortions_are_combined_with_strengths():
    assert conditions.combine(["none"], [1.0]) == [("none", 0.0)]
    assert conditions.combine(["blur", "none"], [0.5, 2.0]) == [
        ("blur", 0.5),
        ("blur", 2.0),
        ("none", 0.0),
    ]


def test_all_is_every_distortion_by_itself():
    combined = conditions.combine(["all"], [1.0])
    assert combined[0] == conditions.CLEAN
    assert {condition.distortion for condition in combined} == {*conditions.NAMES} - {"mixed"}


def test_labels():
    assert conditions.CLEAN.label == "clean"
    assert conditions.Condition("blur", 0.5).label == "blur x0.5"


@pytest.mark.parametrize(
    ("names", "strengths", "message"),
    [
        (["fog"], [1.0], "no distortion 'fog'"),
        ([""], [1.0], "no distortion ''"),
        ([], [1.0], "Nothing"),
        (["blur"], [], "Nothing"),
        (["blur"], [3.0], "at most 2"),
        (["blur", "blur"], [1.0], "twice"),
        (["blur"], [1.0, 1.0], "twice"),
    ],
)
def test_bad_conditions_are_refused(names, strengths, message):
    with pytest.raises(UserError, match=message):
        conditions.combine(names, strengths)
