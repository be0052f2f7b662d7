"""Samples between pixels are those of the formula, by either way."""

import cv2
import numpy as np
import pytest

from keras_homography.registration import sampling


@pytest.fixture(scope="module")
def image():
    noise = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)


@pytest.fixture(scope="module")
def points():
    generator = np.random.default_rng(1)
    return generator.uniform(-3, 83, 2000), generator.uniform(-3, 63, 2000)


def by_the_formula(values, x, y):
    left, top = int(np.floor(x)), int(np.floor(y))
    x, y = x - left, y - top
    upper = (1 - x) * values[top, left] + x * values[top, left + 1]
    return (1 - y) * upper + y * ((1 - x) * values[top + 1, left] + x * values[top + 1, left + 1])


@pytest.mark.parametrize("way", ["planes", "pixels", "OpenCV rounds"])
def test_samples_are_exact(image, points, way, monkeypatch):
    if way == "pixels":
        monkeypatch.setattr(sampling, "_MAX_PIXELS", 100)
    if way == "OpenCV rounds":
        monkeypatch.setattr(sampling, "_remap_is_exact", lambda: False)
    gray, gradient_x, gradient_y, visible = sampling.Sampler(image)(*points)
    values = image.astype(float)
    slope_y, slope_x = np.gradient(values)  # central differences inside
    height, width = image.shape
    x, y = (along.astype(np.float32) for along in points)
    np.testing.assert_array_equal(visible, (x >= 1) & (x < width - 2) & (y >= 1) & (y < height - 2))
    assert 1000 < visible.sum() < 2000
    for sampled, of in ((gray, values), (gradient_x, slope_x), (gradient_y, slope_y)):
        assert np.isfinite(sampled).all()
        expected = [
            by_the_formula(of, *point)
            for point in zip(x[visible].astype(float), y[visible].astype(float), strict=True)
        ]
        np.testing.assert_allclose(sampled[visible], expected, atol=2e-4)


@pytest.mark.parametrize("points", [np.array([np.nan, np.inf, -np.inf, 1e30, -1e30])])
def test_points_at_infinity_are_not_visible(image, points):
    gray, *_, visible = sampling.Sampler(image)(points, points)
    assert not visible.any()
    assert np.isfinite(gray).all()


def test_opencv_5_samples_exactly():
    assert sampling._remap_is_exact() == (int(cv2.__version__.split(".")[0]) >= 5)


def test_no_points_have_no_samples(image):
    assert [len(values) for values in sampling.Sampler(image)(np.zeros(0), np.zeros(0))] == [0] * 4


def test_a_long_image_is_sampled():
    image = np.tile(np.arange(8, dtype=np.uint8), 4200)[None].repeat(8, axis=0)
    gray, gradient_x, *_ = sampling.Sampler(image)(np.array([33001.5]), np.array([3.25]))
    assert (gray[0], gradient_x[0]) == (image[3, 33001:33003].mean(), 1.0)
