"""Distortions against independent computations, and the laws of the random draws."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_homography.data import (
    batching,
    distortion_names,
    distortions,
    sources,
    synthetic_images,
)
from keras_homography.data.pair_spec import PairSpec

SIZE = 64


@pytest.fixture(scope="module")
def image():
    return synthetic_images.draw_image(tf.constant([1, 2], tf.int64), 96, 128).numpy()


@pytest.fixture(scope="module")
def pair(image):
    return np.stack([image[:SIZE, :SIZE, 0], image[20:84, 30:94, 0]], -1).astype(np.float32)


def distort(name, seed, pair, other=None, strength=1.0):
    other = np.zeros([80, 90, 1], np.uint8) if other is None else other
    seed = tf.constant(seed, tf.int64)
    return distortions.get_distortion(name, strength)(
        seed, tf.constant(pair, tf.float32), other
    ).numpy()


def seeds_of_patches(name, seed):
    """The seeds of A and B, as the documented scheme derives them."""
    number = distortion_names.NAMES.index(name)
    folded = tf.random.fold_in(tf.constant(seed, tf.int64), tf.constant(number, tf.int64))
    return tf.unstack(tf.random.split(folded))


def uniform(seed, low, high):
    return float(tf.random.stateless_uniform([], seed, low, high))


def normal(seed):
    return tf.random.stateless_normal([SIZE, SIZE], seed).numpy().astype(np.float64)


def store(patch):
    return np.round(np.clip(patch, 0, 255))


@pytest.mark.parametrize("seed", [[3, 4], [5, 6], [160603798, 17]])
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_photometric_is_the_recipe_by_opencv(pair, seed, strength):
    distorted = distort("photometric", seed, pair, strength=strength)
    for channel, seed_of_patch in enumerate(seeds_of_patches("photometric", seed)):
        seeds = tf.unstack(tf.random.split(seed_of_patch, 7))
        patch = pair[..., channel].astype(np.float64)
        contrast = 1 + strength * uniform(seeds[0], -0.4, 0.4)
        brightness = strength * uniform(seeds[1], -0.125, 0.125)
        gamma = np.exp(strength * uniform(seeds[2], -0.4, 0.4))
        patch = np.clip(contrast * (patch / 255 - 0.5) + 0.5 + brightness, 0, 1) ** gamma * 255
        patch = cv2.GaussianBlur(patch, (0, 0), strength * uniform(seeds[3], 0.0, 1.0))
        patch = store(patch + strength * uniform(seeds[4], 0.0, 8.0) * normal(seeds[5]))
        quality = max(5, round(100 - strength * uniform(seeds[6], 6.0, 60.0)))
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        encoded = cv2.imencode(".jpg", patch.astype(np.uint8), options)[1]
        expected = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE).astype(np.float64)
        difference = np.abs(distorted[..., channel] - expected)
        # A gray level that rounds the other way before JPEG can move its block by more than one.
        assert (difference <= 1).mean() > 0.97
        assert difference.mean() < 0.2


@pytest.mark.parametrize("sigma", [0.0, 0.3, 0.7, 1.0, 2.0])
def test_blur_is_opencvs(pair, sigma):
    patch = pair[..., 0]
    distorted = distortions._gaussian_blur(tf.constant(patch), tf.constant(sigma), 2.0).numpy()
    expected = patch if sigma == 0 else cv2.GaussianBlur(patch, (0, 0), sigma)
    np.testing.assert_allclose(distorted, expected, atol=0.3)


@pytest.mark.parametrize("quality", [5, 40, 94])
def test_jpeg_is_opencvs(pair, quality):
    patch = pair[..., 0]
    distorted = distortions._compress(tf.constant(patch), tf.constant(quality)).numpy()
    encoded = cv2.imencode(".jpg", patch.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    expected = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE).astype(np.float32)
    assert np.abs(distorted - expected).max() <= 1
    assert np.abs(distorted - patch).mean() > 0.1  # it is compressed at all


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_noise_has_the_spread_it_promises(strength):
    gray = np.full([SIZE, SIZE, 2], 128.0)
    spreads = np.array(
        [distort("noise", [9, i], gray, strength=strength).std(axis=(0, 1)) for i in range(40)]
    )
    assert spreads.max() < 8.2 * strength + 0.3
    # Uniform on 0..8: 80 draws, so the mean is known to 0.26.
    assert abs(spreads.mean() - 4.0 * strength) < 1.1 * strength
    assert np.abs(spreads[:, 0] - spreads[:, 1]).mean() > 1.0 * strength  # A and B on their own


@pytest.mark.parametrize(
    ("strength", "darkest", "brightest"), [(1.0, 1 / 8, 1 / 2), (0.5, 0.35, 0.71)]
)
def test_low_light_is_dark_by_the_stops_it_promises(strength, darkest, brightest):
    gray = np.full([SIZE, SIZE, 2], 200.0)
    ratios = [distort("low_light", [2, i], gray, strength=strength).mean() / 200 for i in range(20)]
    assert darkest - 0.01 < min(ratios) < max(ratios) < brightest + 0.01


def test_low_light_has_the_noise_of_counted_electrons():
    dark = distort("low_light", [1, 1], np.full([SIZE, SIZE, 2], 240.0))
    for channel in (0, 1):
        level = dark[..., channel].mean()
        rounding = 1 / 12
        assert dark[..., channel].var() == pytest.approx(level / 4 + 1 + rounding, rel=0.1)


@pytest.mark.parametrize(
    ("strength", "low", "high"), [(1.0, 24, 32), (0.25, 12, 16), (2.0, 33, 46)]
)
def test_occlusion_replaces_a_rectangle_of_b(strength, low, high):
    white = np.full([80, 90, 1], 255, np.uint8)
    places = set()
    for index in range(30):
        distorted = distort("occlusion", [4, index], np.zeros([SIZE, SIZE, 2]), white, strength)
        assert not distorted[..., 0].any()
        rows, columns = np.nonzero(distorted[..., 1])
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width  # a full rectangle
        assert low <= height <= high
        assert low <= width <= high
        places.add((rows.min(), columns.min()))
    assert len(places) > 20


def test_occlusion_shows_a_part_of_the_other_image(pair):
    y, x = np.meshgrid(np.arange(80), np.arange(90), indexing="ij")
    other = (y + 2 * x)[..., None].astype(np.float32) / 2 + 0.25
    distorted = distort("occlusion", [4, 0], np.full([SIZE, SIZE, 2], 255.0), other)[..., 1]
    rows, columns = np.nonzero(distorted != 255)
    part = distorted[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_allclose(np.diff(part, axis=0), 0.5)
    np.testing.assert_allclose(np.diff(part, axis=1), 1.0)


@settings(max_examples=20, deadline=None)
@example(name="mixed", seed=[1, 0], strength=1.9, size=8)  # blurred by more than its side
@given(
    name=st.sampled_from(distortion_names.NAMES),
    seed=st.lists(st.integers(-(2**62), 2**62), min_size=2, max_size=2),
    strength=st.floats(0.01, distortion_names.MAX_STRENGTH),
    size=st.integers(8, 33),
)
def test_results_are_integer_gray_levels_and_repeat(name, seed, strength, size):
    pair = np.random.default_rng(size).integers(0, 256, [size, size, 2]).astype(np.float32)
    other = np.full([size + 3, size, 1], 77, np.uint8)
    distorted = distort(name, seed, pair, other, strength)
    assert distorted.shape == pair.shape
    assert distorted.dtype == np.float32
    assert distorted.min() >= 0
    assert distorted.max() <= 255
    np.testing.assert_array_equal(distorted, np.round(distorted))
    np.testing.assert_array_equal(distorted, distort(name, seed, pair, other, strength))


@pytest.mark.parametrize("name", ["photometric", "noise", "blur"])
def test_a_weak_distortion_is_nearly_none(pair, name):
    assert np.abs(distort(name, [1, 2], pair, strength=0.001) - pair).max() <= 2


@pytest.mark.parametrize("name", ["photometric", "noise", "low_light"])
def test_a_and_b_are_drawn_independently(pair, name):
    same = np.stack([pair[..., 0]] * 2, -1)
    distorted = distort(name, [8, 8], same)
    assert np.abs(distorted[..., 0] - distorted[..., 1]).mean() > 0.5


@pytest.mark.parametrize("name", distortion_names.NAMES)
def test_a_pair_is_the_same_in_any_batch_eagerly_and_in_a_pipeline(pair, image, name):
    function = distortions.get_distortion(name)
    pairs = np.stack([np.roll(pair, shift, 0) for shift in range(5)])
    others = np.stack([image] * 5)
    whole = distortions.apply(function, 3, tf.range(5, dtype=tf.int64), pairs, others).numpy()
    last = distortions.apply(function, 3, tf.constant([4], tf.int64), pairs[4:], others[4:])
    np.testing.assert_array_equal(last[0].numpy(), whole[4])
    assert np.abs(whole - pairs).mean() > 0.01

    dataset = tf.data.Dataset.from_tensor_slices((np.arange(5), pairs, others)).batch(2)
    mapped = dataset.map(lambda *batch: distortions.apply(function, 3, *batch), 2)
    in_pipeline = np.concatenate(list(mapped.as_numpy_iterator()))
    difference = np.abs(in_pipeline - whole)
    assert (difference <= 1).mean() > 0.999
    assert difference.mean() < 0.01


@pytest.mark.parametrize("name", ["gaussian", "", "none"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match="photometric, occlusion"):
        distortions.get_distortion(name)


@pytest.mark.parametrize("strength", [0.0, -1.0, 2.5, float("nan")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match="at most 2"):
        distortions.get_distortion("blur", strength)


SPEC = PairSpec(patch_size=32, rho=8, image_width=80, image_height=60)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        image = synthetic_images.draw_image(tf.constant([7, number], tf.int64), 60, 80).numpy()
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return sources.open_source(str(folder), "all", height=60, width=80, min_side=32)


def first_pairs(source, count, batch_size, distort, **options):
    batches = batching.pair_batches(
        source, SPEC, seed=5, batch_size=batch_size, distort=distort, **options
    )
    arrays = list(batches.take(count // batch_size).as_numpy_iterator())
    return [np.concatenate(parts) for parts in zip(*arrays, strict=True)]


@pytest.mark.long
def test_batches_of_distorted_pairs_do_not_depend_on_the_batch_size(source):
    occlusion = distortions.get_distortion("occlusion")
    patches, h4pt = first_pairs(source, 4, 4, occlusion)
    again, h4pt_again = first_pairs(source, 4, 2, occlusion)
    np.testing.assert_array_equal(h4pt_again, h4pt)
    np.testing.assert_array_equal(again, patches)
    clean, h4pt_clean = first_pairs(source, 4, 4, None)
    np.testing.assert_array_equal(h4pt_clean, h4pt)
    np.testing.assert_array_equal(clean[..., 0], patches[..., 0])
    assert (clean[..., 1] != patches[..., 1]).any(axis=(1, 2)).all()


def test_batches_of_distorted_pairs_go_on_where_they_stopped(source):
    noise = distortions.get_distortion("noise")
    patches, _ = first_pairs(source, 8, 2, noise, pairs_per_image=2)
    rest, _ = first_pairs(source, 4, 2, noise, pairs_per_image=2, start_step=2)
    np.testing.assert_array_equal(rest, patches[4:])


def test_a_patch_is_occluded_by_the_next_image(source):
    clean, _ = first_pairs(source, 4, 2, None)
    patches, _ = first_pairs(source, 4, 2, distortions.get_distortion("occlusion"))
    next_images = (image for _, image in source.stream(5, 1).take(4).as_numpy_iterator())
    for before, after, image in zip(clean, patches, next_images, strict=True):
        rows, columns = np.nonzero(before[..., 1] != after[..., 1])
        part = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 1]
        distance = cv2.matchTemplate(image[..., 0], part.astype(np.uint8), cv2.TM_SQDIFF)
        assert distance.min() < 100  # rounding of large sums; other places are above 10,000
