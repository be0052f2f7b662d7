"""What is refused, for which reason."""

import numpy as np
import pytest

from keras_homography.registration import confidence, image_pyramid, refusals
from keras_homography.registration.alignment_evidence import NO_EVIDENCE, Evidence
from keras_homography.registration.refusals import ReasonCode

TRUSTED = Evidence(0.8, 100, 95, 0.7, 0.3)


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (NO_EVIDENCE, ReasonCode.NO_AGREEMENT),
        (Evidence(0.02, 50, 5, 0.01, 3.0), ReasonCode.TOO_LITTLE_OVERLAP),
        (Evidence(0.6, 5, 1, 0.01, 3.0), ReasonCode.OVERLAP_WITHOUT_TEXTURE),
        (Evidence(0.6, 100, 40, 0.2, 2.0, displaced=0.5), ReasonCode.NOT_ONE_PLANE),
        (Evidence(0.6, 100, 5, 0.1, 3.0), ReasonCode.NOT_THE_SAME_SCENE),
        (TRUSTED, None),
    ],
)
def test_the_likeliest_reason_of_a_low_confidence(evidence, code):
    refusal = refusals.check_evidence(evidence, 0.5)
    assert (refusal and refusal.code) == code


def test_min_confidence_decides():
    probability = confidence.probability(TRUSTED)
    assert 0.9 < probability < 1.0
    assert refusals.check_evidence(TRUSTED, probability) is None
    assert refusals.check_evidence(TRUSTED, np.nextafter(probability, 1.0)) is not None
    # Nothing is trusted that no window speaks for.
    assert refusals.check_evidence(NO_EVIDENCE, 0.0).code == "no_agreement"


def test_small_and_uniform_images_are_named():
    small, noise = np.zeros([15, 200], np.uint8), np.zeros([16, 16], np.uint8)
    assert refusals.check_sizes(noise, noise) is None
    assert refusals.check_sizes(small, noise).sentence.startswith("image A is too small: 200x15")
    assert refusals.check_sizes(noise, small).sentence.startswith("image B is too small: 200x15")
    noise = np.random.default_rng(0).integers(0, 255, [100, 100], np.uint8)
    uniform = np.full([100, 100], 80, np.uint8)
    assert refusals.check_texture(image_pyramid.ImagePair(noise, noise)) is None
    for a, b, name in ((uniform, noise, "A"), (noise, uniform, "B")):
        refusal = refusals.check_texture(image_pyramid.ImagePair(a, b))
        assert refusal.code == ReasonCode.IMAGE_WITHOUT_TEXTURE == "image_without_texture"
        assert refusal.sentence == f"image {name} has too little texture"
