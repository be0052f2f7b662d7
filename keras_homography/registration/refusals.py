"""When two images are refused, and what a refusal says: a code and a sentence."""

import enum
from typing import NamedTuple

import numpy as np

from keras_homography.registration import alignment_evidence, confidence, image_pyramid
from keras_homography.registration.evidence import Evidence

_MIN_SIDE = 16  # pixels, of an image
_MIN_TEXTURED_SHARE = 0.02  # of the windows of an image
_MIN_OVERLAP = 0.05  # share of B
_MIN_WINDOWS = 6  # textured, where the images overlap
_MAX_DISPLACED = 0.25  # share of parts of B; above it, one homography does not explain them
_REPEATS = 0.7  # share of windows: at least 0.9 of rendered patterns that repeat themselves
_FEATURES_AGREE = 0.35  # share of matches: the scene is likely the same
_GRAY_AGREES = 0.35  # share of windows
_OBLIQUE_STRETCH = 1.8  # an angle of 56 degrees


class ReasonCode(enum.StrEnum):
    """Why no reliable homography was found. Each code equals its value, as `"not_one_plane"`."""

    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_WITHOUT_TEXTURE = "image_without_texture"
    NO_AGREEMENT = "no_agreement"
    TOO_LITTLE_OVERLAP = "too_little_overlap"
    OVERLAP_WITHOUT_TEXTURE = "overlap_without_texture"
    NOT_ONE_PLANE = "not_one_plane"
    NOT_THE_SAME_SCENE = "not_the_same_scene"
    REPEATS_ITSELF = "repeats_itself"
    OTHER_MOTION = "other_motion"
    TOO_OBLIQUE = "too_oblique"
    LIGHT_TOO_DIFFERENT = "light_too_different"


class Refusal(NamedTuple):
    """Why no reliable homography was found.

    Attributes:
      code: for programs.
      sentence: for people; it may name the image and its size.
    """

    code: ReasonCode
    sentence: str


_NO_AGREEMENT = Refusal(ReasonCode.NO_AGREEMENT, "nothing in the two images fits together")
_TOO_LITTLE_OVERLAP = Refusal(ReasonCode.TOO_LITTLE_OVERLAP, "the images overlap too little")
_OVERLAP_WITHOUT_TEXTURE = Refusal(
    ReasonCode.OVERLAP_WITHOUT_TEXTURE, "there is too little texture where the images overlap"
)
_NOT_ONE_PLANE = Refusal(
    ReasonCode.NOT_ONE_PLANE,
    "parts of the images fit, but not together: not one plane, too much parallax, or things that "
    "moved",
)
_REPEATS_ITSELF = Refusal(
    ReasonCode.REPEATS_ITSELF,
    "the scene repeats itself: other homographies explain the images as well",
)
_TOO_OBLIQUE = Refusal(
    ReasonCode.TOO_OBLIQUE, "the images see the scene from directions that are too far apart"
)
_LIGHT_TOO_DIFFERENT = Refusal(
    ReasonCode.LIGHT_TOO_DIFFERENT,
    "likely the same scene, but in light, or by a sensor, that is too different to be precise",
)
_NOT_THE_SAME_SCENE = Refusal(
    ReasonCode.NOT_THE_SAME_SCENE, "not the same scene, or too much of it changed"
)
OTHER_MOTION = Refusal(
    ReasonCode.OTHER_MOTION,
    "a homography explains the images, but the simpler motion that was asked for does not",
)


def check_sizes(gray_a: np.ndarray, gray_b: np.ndarray) -> Refusal | None:
    """Refuse images with a side below 16 pixels.

    Args:
      gray_a: uint8 `[height, width]`.
      gray_b: the same.

    Returns:
      The refusal; None if both are large enough.
    """
    for name, gray in (("A", gray_a), ("B", gray_b)):
        if min(gray.shape) < _MIN_SIDE:
            return Refusal(
                ReasonCode.IMAGE_TOO_SMALL,
                f"image {name} is too small: {gray.shape[1]}x{gray.shape[0]}; the minimum is "
                f"{_MIN_SIDE}x{_MIN_SIDE}",
            )
    return None


def check_texture(pair: image_pyramid.ImagePair) -> Refusal | None:
    """Refuse images that are nearly uniform.

    Args:
      pair: the images.

    Returns:
      The refusal; None if both have texture.
    """
    for name, pyramid in (("A", pair.pyramid_a), ("B", pair.pyramid_b)):
        gray = pyramid[image_pyramid.comparison_level(pyramid)]
        if alignment_evidence.textured_share(gray) < _MIN_TEXTURED_SHARE:
            return Refusal(ReasonCode.IMAGE_WITHOUT_TEXTURE, f"image {name} has too little texture")
    return None


def check_evidence(evidence: Evidence, min_confidence: float) -> Refusal | None:
    """Refuse a homography whose confidence is too low, with the likeliest reason.

    Args:
      evidence: for the best homography that was found.
      min_confidence: 0 to 1.

    Returns:
      The refusal; None if the homography is trusted.
    """
    if not evidence.agreeing and not evidence.matches.agreeing:
        return _NO_AGREEMENT
    probability = confidence.probability(evidence)
    if probability >= min_confidence:
        return None
    # Repetition is the reason if one of them would have been trusted. It explains nearly all of B:
    # two planes, or a frame, may have two homographies as well.
    is_trusted_alone = probability * (1 + evidence.alternatives) >= min_confidence
    if is_trusted_alone and evidence.share > _REPEATS:
        return _REPEATS_ITSELF
    if evidence.overlap < _MIN_OVERLAP:
        return _TOO_LITTLE_OVERLAP
    if evidence.windows < _MIN_WINDOWS:
        return _OVERLAP_WITHOUT_TEXTURE
    if evidence.displaced > _MAX_DISPLACED:
        return _NOT_ONE_PLANE
    if evidence.matches.share >= _FEATURES_AGREE:
        if evidence.stretch > _OBLIQUE_STRETCH:
            return _TOO_OBLIQUE
        if evidence.share < _GRAY_AGREES:
            return _LIGHT_TOO_DIFFERENT
        # Part of the scene agrees, and not only a frame or a caption around it.
        if evidence.matches.inner_share >= _FEATURES_AGREE:
            return _NOT_ONE_PLANE
    return _NOT_THE_SAME_SCENE
