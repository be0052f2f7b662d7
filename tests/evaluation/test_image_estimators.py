"""Estimators of whole images, on images that OpenCV warped and on images that do not fit."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.evaluation import image_estimators
from keras_homography.utils.errors import UserError


def to_rgb(gray):
    return np.repeat(gray[..., None], 3, axis=-1)


@pytest.mark.parametrize("name", ["rootsift_magsac", "estimator"])
def test_a_warped_image_is_found_and_another_is_refused(images, name):
    (estimator,) = image_estimators.open_image_estimators([name])
    a, b, a_from_b = warped_pair(images[0, ..., 0], 1, 12)
    answer = estimator.estimate(to_rgb(a), to_rgb(b))
    assert answer.answered
    assert answer.reason is None
    assert corner_error(np.linalg.inv(answer.b_from_a), a_from_b, (240, 160)) < 2
    other = estimator.estimate(to_rgb(a), to_rgb(images[2, 40:200, 40:280, 0]))
    assert not other.answered
    assert other.reason
    assert other.confidence < answer.confidence


def test_affine_sift_sees_a_steep_tilt(images):
    image = images[1, ..., 0]
    a = image[40:200, 40:280]
    tilt = np.array([[0.3, 0, 80], [0, 1, 0], [0, 0, 1.0]])
    b = cv2.warpPerspective(a, tilt, (240, 160), flags=cv2.INTER_AREA)
    answer = image_estimators.affine_sift(to_rgb(a), to_rgb(b))
    assert answer.answered
    assert corner_error(answer.b_from_a, tilt, (240, 160)) < 4


def test_images_without_texture_are_refused():
    flat = np.full((100, 120, 3), 128, np.uint8)
    answer = image_estimators.rootsift_magsac(flat, flat)
    assert (answer.b_from_a, answer.answered) == (None, False)


def test_the_matcher_and_the_attempts_are_those_of_the_estimator(images, monkeypatch):
    options = []
    real = image_estimators.HomographyEstimator

    def opened(*arguments, **keywords):
        options.append(keywords)
        return real(*arguments, **keywords)

    monkeypatch.setattr(image_estimators, "HomographyEstimator", opened)
    names = ["estimator", "homography", "identity"]
    estimators = image_estimators.open_image_estimators(names, matcher="matcher", max_attempts=1)
    assert [(each["matcher"], each["max_attempts"]) for each in options] == [("matcher", 1)] * 2
    different = [to_rgb(images[number, ..., 0]) for number in range(2)]
    assert not estimators[0].estimate(*different).answered
    with pytest.raises(UserError, match="no model 'none'"):
        image_estimators.open_image_estimators(["estimator"], matcher="none")


def test_names():
    every = image_estimators.open_image_estimators(["all"])
    assert [e.name for e in every] == ["estimator", *image_estimators.RIVALS]
    with pytest.raises(UserError, match="once"):
        image_estimators.open_image_estimators(["identity", "all"])
    with pytest.raises(UserError, match="surf"):
        image_estimators.open_image_estimators(["surf"])
