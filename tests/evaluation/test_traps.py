"""Traps: every kind is rendered, repeats, and its truth is the one that OpenCV warps with."""

import itertools

import cv2
import numpy as np
import pytest

from keras_homography.evaluation import trap_scenes, traps


@pytest.fixture(scope="module")
def worlds(images):
    size = trap_scenes.WORLD_WIDTH, trap_scenes.WORLD_HEIGHT
    return [cv2.resize(image[..., 0], size) for image in images]


@pytest.fixture(scope="module")
def rendered(worlds):
    return list(traps.render_traps(itertools.cycle(worlds), 1))


def test_there_are_enough_of_each_kind(rendered):
    counts = {kind: sum(trap.kind == kind for trap in rendered) for kind in traps.KINDS}
    assert min(counts.values()) >= 6
    assert sum(counts.values()) >= 100
    for trap in rendered:
        for image in (trap.image_a, trap.image_b):
            assert image.shape == (trap_scenes.HEIGHT, trap_scenes.WIDTH)
            assert image.dtype == np.uint8
        assert (trap.b_from_a is None) == (trap.expected == traps.REFUSED)


def test_the_same_seed_renders_the_same_and_another_does_not(worlds, rendered):
    first = [next(traps.render_traps(itertools.cycle(worlds), seed)) for seed in (1, 2)]
    np.testing.assert_array_equal(first[0].image_b, rendered[0].image_b)
    assert (first[1].image_b != rendered[0].image_b).mean() > 0.5


@pytest.mark.parametrize(
    "kind",
    [
        *("covered 30 %", "periodic, one object", "facade", "same page", "sky", "orbit 30-45"),
        *("orbit 50-65", "zoomed out 3-4", "static overlay"),
    ],
)
def test_a_warped_by_the_truth_is_b(rendered, kind):
    for trap in (trap for trap in rendered if trap.kind == kind):
        size = trap_scenes.WIDTH, trap_scenes.HEIGHT
        a = cv2.warpPerspective(trap.image_a, trap.b_from_a, size, flags=cv2.INTER_AREA)
        covered = cv2.warpPerspective(np.full_like(trap.image_a, 255), trap.b_from_a, size) == 255
        difference = np.abs(a.astype(float) - trap.image_b)[covered]
        assert np.median(difference) < 8, kind


def test_inverted_and_shadowed_images_are_what_they_say(rendered):
    size = trap_scenes.WIDTH, trap_scenes.HEIGHT
    for trap in (trap for trap in rendered if trap.kind in ("inverted", "shadow")):
        a = cv2.warpPerspective(trap.image_a, trap.b_from_a, size)
        covered = cv2.warpPerspective(np.full_like(a, 255), trap.b_from_a, size) == 255
        a, b = a[covered].astype(float), trap.image_b[covered].astype(float)
        if trap.kind == "inverted":
            assert np.corrcoef(a, b)[0, 1] < -0.9
        else:
            bright = a > 60
            ratio = b[bright] / a[bright]
            assert 0.3 < np.mean(ratio < 0.5) < 0.7
