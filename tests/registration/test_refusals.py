"""What is refused, for which reason."""

import dataclasses

import numpy as np
import pytest

from keras_homography.registration import confidence, image_pyramid, refusals
from keras_homography.registration.evidence import NO_EVIDENCE, Evidence, MatchEvidence
from keras_homography.registration.refusals import ReasonCode

MATCHES = MatchEvidence(300, 290, 0.8, 0.6, 140, 138)
VAGUE = MatchEvidence(100, 50, 0.3, 4.5, 40, 20)
FRAME = dataclasses.replace(VAGUE, inner_agreeing=2)
TRUSTED = Evidence(0.8, 100, 95, 0.7, 0.3, matches=MATCHES)


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (NO_EVIDENCE, ReasonCode.NO_AGREEMENT),
        (Evidence(0.02, 50, 5, 0.01, 3.0), ReasonCode.TOO_LITTLE_OVERLAP),
        (Evidence(0.6, 5, 1, 0.01, 3.0), ReasonCode.OVERLAP_WITHOUT_TEXTURE),
        (Evidence(0.6, 100, 40, 0.2, 2.0, displaced=0.5), ReasonCode.NOT_ONE_PLANE),
        (Evidence(0.6, 100, 5, 0.1, 3.0), ReasonCode.NOT_THE_SAME_SCENE),
        (dataclasses.replace(TRUSTED, alternatives=3), ReasonCode.REPEATS_ITSELF),
        # Features agree, but not to a few pixels.
        (Evidence(0.6, 100, 5, 0.1, 3.0, matches=VAGUE), ReasonCode.LIGHT_TOO_DIFFERENT),
        (
            Evidence(0.6, 100, 45, 0.1, 3.0, matches=VAGUE, stretch=2.5),
            ReasonCode.TOO_OBLIQUE,
        ),
        # Half of each agrees; with a frame alone, that is not the scene.
        (Evidence(0.6, 100, 45, 0.1, 3.0, matches=VAGUE), ReasonCode.NOT_ONE_PLANE),
        (Evidence(0.6, 100, 45, 0.1, 3.0, matches=FRAME), ReasonCode.NOT_THE_SAME_SCENE),
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
    # Nothing is trusted that neither a window nor a match speaks for.
    assert refusals.check_evidence(NO_EVIDENCE, 0.0).code == "no_agreement"


def test_a_scene_that_repeats_itself_is_refused_as_such():
    evidence = dataclasses.replace(TRUSTED, alternatives=1, overlap=0.01)
    refusal = refusals.check_evidence(evidence, 0.6)
    assert refusal.code == ReasonCode.REPEATS_ITSELF == "repeats_itself"
    assert "repeats itself" in refusal.sentence
    # Not where nothing else would have been trusted either.
    doubted = dataclasses.replace(evidence, agreeing=5, matches=NO_EVIDENCE.matches)
    assert refusals.check_evidence(doubted, 0.6).code == ReasonCode.TOO_LITTLE_OVERLAP
    # One that is trusted all the same is not refused.
    assert refusals.check_evidence(evidence, 1e-9) is None


def test_every_code_has_a_sentence_of_its_own():
    sentences = {
        refusal.code: refusal.sentence
        for refusal in vars(refusals).values()
        if isinstance(refusal, refusals.Refusal)
    }
    of_images = {ReasonCode.IMAGE_TOO_SMALL, ReasonCode.IMAGE_WITHOUT_TEXTURE}
    assert set(sentences) | of_images == set(ReasonCode)
    assert len(set(sentences.values())) == len(sentences)


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
