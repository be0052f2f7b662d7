"""The page's functions in Node against those of the package and of OpenCV."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import (
    alignment_evidence,
    ambiguity,
    confidence,
    dense_matching,
    evidence,
    feature_matching,
    image_pyramid,
    image_views,
    local_light,
    match_evidence,
)
from keras_homography.saving import feature_networks, networks

MATRIX = np.array([[0.9, 0.1, 5.3], [-0.08, 1.1, 3.2], [1e-4, -2e-4, 1.0]])


@pytest.fixture(scope="module")
def image():
    """A picture with edges at all scales, uint8 `[231, 333]`."""
    random = np.random.default_rng(0)
    layers = [cv2.resize(random.normal(size=(n, n)), (333, 231)) for n in (4, 9, 20, 60, 200)]
    return cv2.normalize(sum(layers), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture(scope="module")
def pair(image):
    """Two images and the homography between them."""
    return warped_pair(cv2.resize(image, (660, 480)), 3, reach=20.0, size=(400, 300))


def size_of(width, height):
    return {"width": width, "height": height}


def test_colors_become_the_gray_levels_of_opencv(node):
    rgba = np.random.default_rng(1).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    gray = node("luma", rgba.ravel())
    assert gray == cv2.cvtColor(rgba, cv2.COLOR_RGBA2GRAY).ravel().tolist()


@pytest.mark.parametrize(
    "size", [(166, 115), (111, 77), (128, 128), (352, 224), (320, 256), (333, 77), (333, 231)]
)
def test_images_are_resized_by_area_as_by_opencv(node, image, size):
    resized = node("resizeArea", image, size_of(*size))
    np.testing.assert_array_equal(resized, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def test_images_are_enlarged_as_by_opencv(node, image):
    enlarged = node("resizeLinear", image[:90, :100], size_of(128, 128)).astype(int)
    expected = cv2.resize(image[:90, :100], (128, 128), interpolation=cv2.INTER_LINEAR)
    assert np.abs(enlarged - expected).max() <= 1


def test_images_are_warped_as_by_opencv(node, image):
    warped = node("warp", image, MATRIX, size_of(300, 200))
    expected, covered = arrays.warp_image(image, MATRIX, (300, 200))
    difference = np.abs(warped["gray"].astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001  # float32 there, float64 here
    np.testing.assert_array_equal(warped["covered"], covered)


def test_local_light_is_removed_as_by_the_package(node, image):
    removed = node("withoutLocalLight", image).astype(int)
    difference = np.abs(removed - local_light.remove_local_light(image))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001


@pytest.mark.parametrize(("reduction", "turns"), [(1.0, 0), (2.0, 0), (1.0, 1), (1.0, 3)])
def test_views_are_those_of_the_package(node, image, reduction, turns):
    view = node("view", image, {"reduction": reduction, "quarterTurns": turns})
    expected = image_views.render(
        image_pyramid.build_pyramid(image), image_views.ViewSpec(reduction, turns)
    )
    np.testing.assert_array_equal(view["gray"], expected.gray)
    np.testing.assert_allclose(
        np.reshape(view["viewFromImage"], (3, 3)), expected.view_from_image, atol=1e-9
    )


def test_refinement_ends_where_that_of_the_package_ends(node, pair):
    a, b, truth = pair
    start = truth @ np.array([[1, 0, 4], [0, 1, -3], [0, 0, 1.0]])
    refined = np.reshape(node("refine", a, b, start, 12, 5, False), (3, 3))
    images = image_pyramid.ImagePair(a, b)
    expected = images.refine_to_comparison_level(start, 12)
    expected = images.refine_to_full_resolution(expected, 5)
    corners = arrays.corners(images.size_b)
    np.testing.assert_allclose(
        arrays.transform_points(refined, corners),
        arrays.transform_points(expected, corners),
        atol=1e-5,
    )


@pytest.mark.parametrize("shift", [0.0, 6.0])
def test_windows_and_parts_say_the_same(node, pair, shift):
    a, b, truth = pair
    matrix = truth @ np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1.0]])
    images = image_pyramid.ImagePair(a, b)
    measured = node("evidence", a, b, matrix)
    expected = alignment_evidence.measure_evidence(images, matrix)
    for name in ("overlap", "windows", "agreeing", "spread", "disagreement", "misalignment"):
        assert measured[name] == pytest.approx(getattr(expected, name), rel=1e-5), name
    assert measured["preciseShare"] == pytest.approx(expected.precise_share, abs=1e-4)
    assert node("displaced", a, b, matrix) == alignment_evidence.measure_displaced_matches(
        images, matrix
    )


def test_other_homographies_of_a_pattern_are_found(node):
    y, x = np.mgrid[:300, :400]
    waves = 127 + 60 * np.sin(2 * np.pi * x / 37) * np.sin(2 * np.pi * y / 37)
    pattern = (waves + np.random.default_rng(0).normal(size=x.shape) * 3).astype(np.uint8)
    found = node("alternatives", pattern, pattern, np.eye(3))
    expected = ambiguity.find_alternatives(image_pyramid.ImagePair(pattern, pattern), np.eye(3))
    assert len(expected) > 1

    def summary(shift_x, shift_y, *verdicts):
        return (round(shift_x, 1), round(shift_y, 1), *verdicts)

    # Those that are equally strong may change places.
    assert sorted(
        summary(o["aFromB"][2], o["aFromB"][5], o["isBetter"], o["isAsGood"]) for o in found
    ) == sorted(
        summary(*o.a_from_b[:2, 2].tolist(), bool(o.is_better), bool(o.is_as_good))
        for o in expected
    )


def test_the_inner_half_of_a_region_is_that_of_the_package(node):
    noise = np.random.default_rng(2).normal(size=(30, 40))
    cells = cv2.GaussianBlur(noise, (0, 0), 4) > 0
    inner = np.reshape(node("innerHalf", cells.ravel().astype(int), 40), cells.shape)
    np.testing.assert_array_equal(inner, match_evidence._inner_half(cells))


def test_fits_to_points_are_those_of_opencv(node):
    random = np.random.default_rng(4)
    source = random.uniform(0, 300, (60, 2))
    target = arrays.transform_points(MATRIX, source) + random.normal(size=source.shape)
    fitted = np.reshape(node("leastSquares", source, target), (3, 3))
    expected, _ = cv2.findHomography(source, target)
    np.testing.assert_allclose(
        arrays.transform_points(fitted, source),
        arrays.transform_points(expected, source),
        atol=1e-3,
    )
    target[:40] = random.uniform(0, 300, (40, 2))  # two of three are wrong
    robust = node("robustly", source, target, 3.0)
    expected, inliers = feature_matching.fit_homography(source, target, 3.0)
    assert np.mean(np.array(robust["inliers"]) == inliers) > 0.95
    corners = arrays.corners((300, 300))
    moved = [
        arrays.transform_points(m, corners)
        for m in (np.reshape(robust["bFromA"], (3, 3)), expected)
    ]
    assert np.abs(moved[0] - moved[1]).max() < 4.0


@pytest.mark.parametrize("counts", [(1, 1), (4, 8), (7, 21), (50, 400)])
def test_products_of_features_are_those_of_numpy(node, counts):
    random = np.random.default_rng(6)
    a, b = (random.normal(size=(count, 64)).astype(np.float32) for count in counts)
    np.testing.assert_allclose(node("products", a, b), a @ b.T, atol=1e-4)


def test_points_that_agree_on_nothing_give_no_error(node):
    same = np.tile([[5.0, 7.0]], (20, 1))
    assert node("robustly", same, same, 3.0)["bFromA"] is None
    assert node("robustly", same[:3], same[:3], 3.0)["bFromA"] is None


def test_the_networks_say_the_same(node, image):
    patches = [cv2.resize(part, (128, 128)) for part in (image, image[5:, 8:])]
    network = networks.open_network(num_threads=1)
    expected = network(networks.stack_patches(*patches))[0]
    np.testing.assert_allclose(node("h4pt", *patches), expected, atol=1e-3)

    matcher = feature_networks.open_matcher(num_threads=1)
    images = [cv2.resize(part, (192, 128)) for part in (image, image[5:, 8:])]
    features = [
        dense_matching.Features(*matcher(gray[None, ..., None].astype(np.float32)))
        for gray in images
    ]
    matches = node("match", *images)
    expected = dense_matching.match(*features)
    np.testing.assert_array_equal(matches["pointsA"], expected.points_a)
    np.testing.assert_allclose(matches["pointsB"], expected.points_b, atol=1e-3)


FINE = evidence.MatchEvidence(500, 420, 0.6, 1.9, 230, 200)


@pytest.mark.parametrize("precise_share", [0.0, 0.3])
@pytest.mark.parametrize("fine", [None, FINE], ids=["matches", "matches of the largest view too"])
def test_confidence_is_that_of_the_package(node, fine, precise_share):
    matches = evidence.MatchEvidence(120, 80, 0.4, 1.7, 50, 30)
    example = evidence.Evidence(
        0.8,
        90,
        30,
        0.2,
        0.4,
        0.1,
        matches,
        fine_matches=fine,
        alternatives=1,
        misalignment=0.4,
        precise_share=precise_share,
    )
    as_json = {
        **vars(example),
        "matches": _as_json(matches),
        "fineMatches": None if fine is None else _as_json(fine),
        "preciseShare": precise_share,
    }
    del as_json["fine_matches"], as_json["precise_share"]
    features = node("confidenceFeatures", as_json)
    np.testing.assert_allclose(features, confidence.features(example), rtol=1e-9)
    if fine is not None:
        features = node("fineConfidenceFeatures", as_json)
        np.testing.assert_allclose(features, confidence.fine_features(example), rtol=1e-9)
    assert node("probability", as_json) == pytest.approx(confidence.probability(example), rel=1e-9)


def _as_json(matches):
    return {
        **vars(matches),
        "innerMatches": matches.inner_matches,
        "innerAgreeing": matches.inner_agreeing,
    }
