"""Empty borders in the page's functions in Node, against those of the package."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

import keras_homography
from keras_homography.geometry import arrays
from keras_homography.registration import (
    alignment_evidence,
    empty_borders,
    image_preparation,
    image_pyramid,
    image_views,
    masks,
)
from keras_homography.web import shared_constants

SIZE = 333, 231


def size_of(width, height):
    return {"width": width, "height": height}


def turned(image, degrees, value=0):
    """Turn an image by an angle; what it does not show is black or white."""
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.8)
    return cv2.warpAffine(image, matrix, (width, height), borderValue=value)


def boxed(image, value=0, side=40):
    """Blacken or whiten strips above and below."""
    image = image.copy()
    image[:side] = image[-side:] = value
    return image


def noisy(image):
    noise = np.random.default_rng(3).normal(0, 2, image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def image(images):
    return cv2.resize(images[0, ..., 0], SIZE).clip(20, 230)


@pytest.fixture(scope="module")
def content(image):
    return empty_borders.find_content(turned(image, 17))


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("degrees", [0, 12, 45, -30, 88])
def test_borders_of_a_turned_image_are_found_as_by_the_package(node, image, degrees, value):
    for warped in (turned(image, degrees, value), noisy(turned(image, degrees, value))):
        np.testing.assert_array_equal(node("content", warped), empty_borders.find_content(warped))


def test_letterboxes_and_slanted_borders_are_found_as_by_the_package(node, image):
    random = np.random.default_rng(5)
    quads = [
        np.float32([[0, 0], [333, 0], [333, 231], [0, 231]]) + random.uniform(-70, 70, [4, 2])
        for _ in range(12)
    ]
    square = np.float32([[0, 0], [333, 0], [333, 231], [0, 231]])
    slanted = [
        cv2.warpPerspective(image, cv2.getPerspectiveTransform(square, np.float32(quad)), SIZE)
        for quad in quads
    ]
    found = 0
    for picture in (boxed(image), boxed(image, 255), boxed(image.T), *slanted):
        expected = empty_borders.find_content(picture)
        found += expected is not None
        np.testing.assert_array_equal(node("content", picture), expected)
    assert found > 10


def test_images_without_borders_have_none(node, image):
    spots = image.copy()
    cv2.circle(spots, (0, 90), 40, 0, -1)
    flat = [np.full((30, 40), value, np.uint8) for value in (0, 128, 255)]
    for picture in (image, spots, *flat):
        assert empty_borders.find_content(picture) is None
        assert node("content", picture) is None


def test_borders_are_filled_as_by_the_package(node, image, content):
    filled = node("filled", image, content.astype(np.uint8)).astype(int)
    expected = masks.fill(image, content)
    np.testing.assert_array_equal(filled[content], image[content])
    assert np.abs(filled - expected).max() <= 1  # float32 there, float64 here
    assert (filled != expected).mean() < 0.01


def test_masks_are_reduced_as_by_the_package(node, content):
    sizes = [SIZE, (166, 115), (83, 57), (111, 77)]
    levels = node("maskLevels", content.astype(np.uint8), [size_of(*size) for size in sizes])
    for level, expected in zip(levels, masks.build_levels(content, sizes), strict=True):
        np.testing.assert_array_equal(level, expected)


@pytest.mark.parametrize(("reduction", "turns"), [(1.0, 0), (2.0, 0), (0.5, 0), (1.0, 1), (1.0, 3)])
def test_cells_of_views_are_covered_as_by_the_package(node, image, content, reduction, turns):
    spec = image_views.ViewSpec(reduction, turns)
    prepared = image_pyramid.prepare(image, content)
    view = image_views.render(prepared.pyramid, spec)
    expected = image_views.cover(view, spec, prepared.masks).covered
    cells = node(
        "cover", image, content.astype(np.uint8), {"reduction": reduction, "quarterTurns": turns}
    )
    np.testing.assert_array_equal(np.reshape(cells, expected.shape), expected)
    assert expected.any()


def bordered_pairs(images):
    """Pairs with empty borders, by name: of one scene, and of two."""
    scene, stranger = (
        cv2.resize(image[..., 0], (640, 480), interpolation=cv2.INTER_CUBIC).clip(20, 230)
        for image in images[:2]
    )
    a, b, _ = warped_pair(scene, 3, reach=20.0, size=(400, 300))
    other = cv2.resize(stranger, (400, 300))
    return {
        "turned": (a, turned(b, 15)),
        "both turned": (turned(a, -12, 255), turned(b, 15)),
        "one box": (boxed(a), boxed(b)),
        "white box": (a, boxed(b, 255)),
        "strangers in one box": (boxed(a, 0, 60), boxed(other, 0, 60)),
        "strangers, turned alike": (turned(a, 20), turned(other, 20)),
        "strangers in one white frame": (
            boxed(boxed(a, 255, 50).T, 255, 50).T,
            boxed(boxed(other, 255, 50).T, 255, 50).T,
        ),
    }


@pytest.mark.parametrize("name", ["turned", "both turned", "one box", "white box"])
def test_what_is_measured_leaves_borders_out_as_in_the_package(node, images, name):
    a, b = bordered_pairs(images)[name]
    pair = image_pyramid.ImagePair(
        image_preparation.prepare(a, "image_a"), image_preparation.prepare(b, "image_b")
    )
    assert pair.masks_b is not None
    for shift in (0.0, 4.0):
        start = np.array([[1, 0, shift], [0.01, 1, 0], [0, 0, 1.0]])
        measured = node("evidence", a, b, start)
        expected = alignment_evidence.measure_evidence(pair, start)
        for key in ("overlap", "windows", "agreeing", "spread", "disagreement"):
            assert measured[key] == pytest.approx(getattr(expected, key), rel=1e-3), key
        assert measured["preciseShare"] == pytest.approx(expected.precise_share, abs=1e-3)
        assert node("displaced", a, b, start) == alignment_evidence.measure_displaced_matches(
            pair, start
        )


@pytest.mark.long
def test_pairs_with_borders_have_the_verdict_of_the_package(node, images):
    attempts = shared_constants.untilted_attempts()
    estimator = keras_homography.HomographyEstimator(max_attempts=attempts, num_threads=1)
    verdicts = []
    for name, (a, b) in bordered_pairs(images).items():
        expected, answer = estimator.estimate(a, b), node("estimate", a, b, {})
        assert answer["ok"] == expected.ok, name
        assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-3), name
        if expected.ok:
            corners = arrays.corners(arrays.image_size(b))
            moved = [
                arrays.transform_points(np.reshape(matrix, (3, 3)), corners)
                for matrix in (answer["aFromB"], expected.a_from_b)
            ]
            assert np.linalg.norm(moved[0] - moved[1], axis=1).mean() < 0.02, name
        verdicts.append(expected.ok)
    assert verdicts == [True] * 4 + [False] * 3
