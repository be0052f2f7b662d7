"""The pairs of the protocols: frozen, and as an independent computation makes them."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import batching, pairs
from keras_homography.evaluation import metrics, protocols
from keras_homography.evaluation.conditions import Condition
from keras_homography.evaluation.protocol_pairs import SEED, ProtocolPairs, open_source

# Of pairs 0 and 1 of `coco128`. A change here changes every result that was ever reported.
POSITIONS = [[96, 54], [120, 61]]
H4PT = [
    [[-6, 18], [11, -13], [15, -21], [-17, 19]],
    [[31, -7], [3, -28], [-28, -22], [-11, -15]],
]


def drawn(protocol, count):
    """Positions and offsets of the first pairs, without any image."""
    dataset = tf.data.Dataset.range(count).map(
        lambda index: pairs.sample_pair(SEED, index, protocol.spec)
    )
    return [values.numpy() for values in next(iter(dataset.batch(count)))]


def bilinear(image, points):
    """The image's value at every point `[n, 2]`, by NumPy in float64, edges extended."""
    height, width = image.shape
    x = np.clip(points[:, 0], 0, width - 1)
    y = np.clip(points[:, 1], 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    x, y = x - left, y - top
    above = image[top, left] * (1 - x) + image[top, left + 1] * x
    below = image[top + 1, left] * (1 - x) + image[top + 1, left + 1] * x
    return above * (1 - y) + below * y


@pytest.mark.parametrize("name", ["coco128", "paper256"])
def test_pairs_are_what_the_papers_four_steps_give(folder, name):
    protocol = protocols.get_protocol(name)
    size = protocol.spec.patch_size
    source = open_source(protocol, str(folder))
    patches, h4pt = ProtocolPairs(protocol, source, 4).collect()
    positions, offsets = drawn(protocol, 4)
    np.testing.assert_array_equal(h4pt, offsets)
    assert patches.shape == (4, size, size, 2)
    stream = (image for _, image in source.stream(SEED).take(4).as_numpy_iterator())
    for pair, position, offset, image in zip(patches, positions, offsets, stream, strict=True):
        image = image[..., 0].astype(np.float64)
        assert image.shape == (protocol.spec.image_height, protocol.spec.image_width)
        x, y = position
        np.testing.assert_array_equal(pair[..., 0], image[y : y + size, x : x + size])
        square = np.float32([[0, 0], [size, 0], [size, size], [0, size]])
        image_from_b = cv2.getPerspectiveTransform(square, np.float32(square + offset + position))
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(1, -1, 2)
        points = cv2.perspectiveTransform(grid.astype(np.float64), image_from_b)[0]
        expected = bilinear(image, points).reshape(size, size)
        assert np.abs(pair[..., 1] - expected).max() <= 1


def test_the_reference_pairs_are_frozen():
    positions, h4pt = drawn(protocols.get_protocol("coco128"), 2)
    np.testing.assert_array_equal(positions, POSITIONS)
    np.testing.assert_array_equal(h4pt, H4PT)


@pytest.mark.parametrize(("name", "expected"), [("coco128", 24.87), ("paper256", 49.36)])
def test_the_identitys_error_is_its_expectation(name, expected):
    protocol = protocols.get_protocol(name)
    _, h4pt = drawn(protocol, 2000)
    rho = protocol.spec.rho
    np.testing.assert_array_equal(h4pt, np.round(h4pt))
    assert np.abs(h4pt).max() == rho
    steps = np.arange(-rho, rho + 1)
    exact = np.hypot(*np.meshgrid(steps, steps)).mean()
    assert exact == pytest.approx(expected, abs=0.01)
    errors = metrics.corner_errors(h4pt, np.zeros_like(h4pt))
    assert abs(errors.mean() - exact) < 4 * errors.std() / np.sqrt(len(errors))


def test_pairs_do_not_depend_on_their_number(coco128_pairs):
    first = ProtocolPairs(coco128_pairs.protocol, coco128_pairs.source, 4)
    patches, h4pt = first.collect()
    more, h4pt_more = coco128_pairs.collect()
    assert len(more) == 70
    np.testing.assert_array_equal(more[:4], patches)
    np.testing.assert_array_equal(h4pt_more[:4], h4pt)


def test_a_condition_changes_the_patches_and_never_the_offsets(source):
    clean = ProtocolPairs(protocols.get_protocol("coco128"), source, 4)
    patches, h4pt = clean.collect()
    distorted, h4pt_distorted = clean.collect(Condition("photometric", 1.0))
    np.testing.assert_array_equal(h4pt_distorted, h4pt)
    assert distorted.dtype == np.uint8
    assert (distorted != patches).any(axis=(1, 2, 3)).all()


def test_another_seed_gives_other_pairs(source):
    protocol = protocols.get_protocol("coco128")
    _, h4pt = ProtocolPairs(protocol, source, 4).collect()
    _, other = ProtocolPairs(protocol, source, 4, seed=3).collect()
    assert (h4pt != other).any()


def test_images_too_small_are_skipped_and_listed(source):
    assert source.count == 3
    assert ["90" in reason for reason in source.skipped.values()] == [True]


def test_selected_pairs_are_those_of_the_sequence(coco128_pairs):
    condition = Condition("occlusion", 1.0)
    patches, _ = coco128_pairs.collect(condition)
    selected = coco128_pairs.select([65, 3, 3], condition)
    assert sorted(selected) == [3, 65]
    np.testing.assert_array_equal(selected[65], patches[65])
    np.testing.assert_array_equal(selected[3], patches[3])


def test_the_image_of_every_pair_is_known(tmp_path):
    for level in (40, 120, 200):
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((240, 320), level, np.uint8))
    protocol = protocols.get_protocol("coco128")
    measured = ProtocolPairs(protocol, open_source(protocol, str(tmp_path)), 10)
    patches, _ = measured.collect()
    levels = patches.reshape(10, -1).mean(axis=1)
    np.testing.assert_array_equal(np.array([120, 200, 40])[measured.image_numbers()], levels)
    numbers = ProtocolPairs(protocol, open_source(protocol, "synthetic"), 4).image_numbers()
    np.testing.assert_array_equal(numbers, range(4))


def test_the_pairs_that_choose_a_checkpoint_are_others():
    assert SEED != batching.VALIDATION_SEED
