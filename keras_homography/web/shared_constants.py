"""What the page shares with Python: thresholds, weights and sentences, so that none is typed twice.

The page reads them from `constants.json`, which `demo` makes from the modules themselves.
"""

import enum
import inspect
import types
from typing import Any

import numpy as np

from keras_homography.geometry import lucas_kanade_constants
from keras_homography.models import matcher_grid
from keras_homography.registration import (
    alignment_evidence,
    ambiguity,
    candidate,
    candidate_refinement,
    candidate_search,
    confidence,
    dense_matching,
    empty_borders,
    estimator,
    image_pyramid,
    image_views,
    local_light,
    lucas_kanade,
    lucas_kanade_level,
    lucas_kanade_weights,
    masks,
    match_evidence,
    refusals,
    view_matching,
)

_MODULES = (
    alignment_evidence,
    ambiguity,
    candidate,
    candidate_refinement,
    candidate_search,
    confidence,
    dense_matching,
    empty_borders,
    image_pyramid,
    image_views,
    local_light,
    lucas_kanade,
    lucas_kanade_constants,
    lucas_kanade_level,
    lucas_kanade_weights,
    masks,
    match_evidence,
    matcher_grid,
    refusals,
    view_matching,
)
_PATCH_SIZE = 128  # of the shipped network


def collect() -> dict[str, dict[str, Any]]:
    """Collect the constants of the modules that the page has ported.

    Returns:
      By the name of the module, then by that of the constant, without a leading underscore:
      numbers, lists of numbers, and the sentences of refusals by their codes.
    """
    constants = {module.__name__.rpartition(".")[2]: _numbers(module) for module in _MODULES}
    constants["refusals"]["SENTENCES"] = _sentences()
    constants["estimator"] = {
        "MIN_CONFIDENCE": _default_min_confidence(),
        "UNTILTED_ATTEMPTS": untilted_attempts(),
        "PATCH_SIZE": _PATCH_SIZE,
    }
    return constants


def untilted_attempts() -> int:
    """Count the attempts before the first tilted view: the page makes these and no others."""
    nothing = view_matching.ImageFeatures(lambda image: (image, image, image), [])
    views = view_matching.ViewMatcher(nothing, nothing)
    number = 1  # the network
    for spec_a, spec_b in views.attempts():
        if spec_a.tilt != 1.0 or spec_b.tilt != 1.0:
            break
        number += 1
    return number


def _default_min_confidence() -> float:
    parameters = inspect.signature(estimator.HomographyEstimator.__init__).parameters
    return float(parameters["min_confidence"].default)


def _numbers(module: types.ModuleType) -> dict[str, Any]:
    """Numbers and arrays that a module calls by names in capitals."""
    numbers: dict[str, Any] = {}
    for name, value in vars(module).items():
        if not name.isupper() or isinstance(value, enum.Enum):
            continue
        if isinstance(value, int | float):
            numbers[name.lstrip("_")] = value
        elif isinstance(value, np.ndarray):
            numbers[name.lstrip("_")] = value.tolist()
    return numbers


def _sentences() -> dict[str, str]:
    """Sentences of all refusals by their codes; some have places for `{name}` and the size."""
    small, flat = np.zeros([2, 1], np.uint8), np.zeros([16, 16], np.uint8)
    made = [
        *vars(refusals).values(),
        refusals.check_sizes(small, small),
        refusals.check_texture(image_pyramid.ImagePair(flat, flat)),
    ]
    return {
        refusal.code.value: refusal.sentence.replace("image A", "image {name}").replace(
            f" {small.shape[1]}x{small.shape[0]};", " {width}x{height};"
        )
        for refusal in made
        if isinstance(refusal, refusals.Refusal)
    }
