"""The pairs of the protocols: frozen, and as an independent computation makes them."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import pairs, synthetic_images
from keras_homography.data.pair_spec import PairSpec
from keras_homography.evaluation import metrics, protocols

# Of pairs 0 and 1 of `coco128`. A change here changes every result that was ever reported.
POSITIONS = [[96, 54], [120, 61]]
H4PT = [
    [[-6, 18], [11, -13], [15, -21], [-17, 19]],
    [[31, -7], [3, -28], [-28, -22], [-11, -15]],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        image = synthetic_images.draw_image(tf.constant([7, number], tf.int64), 260, 300).numpy()
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.fixture(scope="module")
def source(folder):
    return protocols.open_source(protocols.get("coco128"), str(folder))


def collect(source, count, *condition, name="coco128", **options):
    batches = list(protocols.batches(protocols.get(name), source, count, *condition, **options))
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def draws(protocol, count):
    """Positions and offsets of the first pairs, without any photo."""

    def draw(index):
        sizes = (protocol.patch_size, protocol.rho, protocol.width, protocol.height)
        return pairs.sample_pair(protocols.SEED, index, PairSpec(*sizes, integer_offsets=True))

    drawn = tf.data.Dataset.range(count).map(draw).batch(count)
    return [values.numpy() for values in next(iter(drawn))]


def bilinear(photo, points):
    """The photo's value at every point `[n, 2]`, by numpy in float64; the edge goes on outside."""
    height, width = photo.shape
    x = np.clip(points[:, 0], 0, width - 1)
    y = np.clip(points[:, 1], 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    x, y = x - left, y - top
    above = photo[top, left] * (1 - x) + photo[top, left + 1] * x
    below = photo[top + 1, left] * (1 - x) + photo[top + 1, left + 1] * x
    return above * (1 - y) + below * y


@pytest.mark.parametrize("name", ["coco128", "paper256"])
def test_pairs_are_what_the_papers_four_steps_give(folder, name):
    protocol = protocols.get(name)
    size = protocol.patch_size
    source = protocols.open_source(protocol, str(folder))
    patches, h4pt = collect(source, 3, name=name)
    positions, offsets = draws(protocol, 3)
    np.testing.assert_array_equal(h4pt, offsets)
    assert patches.shape == (3, size, size, 2)
    stream = (photo for _, photo in source.stream(protocols.SEED).take(3).as_numpy_iterator())
    for pair, position, offset, photo in zip(patches, positions, offsets, stream, strict=True):
        photo = photo[..., 0].astype(np.float64)
        assert photo.shape == (protocol.height, protocol.width)
        x, y = position
        np.testing.assert_array_equal(pair[..., 0], photo[y : y + size, x : x + size])
        square = np.float32([[0, 0], [size, 0], [size, size], [0, size]])
        photo_from_b = cv2.getPerspectiveTransform(square, np.float32(square + offset + position))
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(1, -1, 2)
        points = cv2.perspectiveTransform(grid.astype(np.float64), photo_from_b)[0]
        expected = bilinear(photo, points).reshape(size, size)
        assert np.abs(pair[..., 1] - expected).max() <= 1


def test_the_reference_pairs_are_frozen():
    positions, h4pt = draws(protocols.get("coco128"), 2)
    np.testing.assert_array_equal(positions, POSITIONS)
    np.testing.assert_array_equal(h4pt, H4PT)


@pytest.mark.parametrize(("name", "expected"), [("coco128", 24.87), ("paper256", 49.36)])
def test_the_identitys_error_is_its_expectation(name, expected):
    protocol = protocols.get(name)
    _, h4pt = draws(protocol, 2000)
    np.testing.assert_array_equal(h4pt, np.round(h4pt))
    assert np.abs(h4pt).max() == protocol.rho
    steps = np.arange(-protocol.rho, protocol.rho + 1)
    exact = np.hypot(*np.meshgrid(steps, steps)).mean()
    assert exact == pytest.approx(expected, abs=0.01)
    errors = metrics.corner_errors(h4pt, np.zeros_like(h4pt))
    assert abs(errors.mean() - exact) < 4 * errors.std() / np.sqrt(len(errors))


def test_pairs_do_not_depend_on_how_many_are_asked_for(source):
    patches, h4pt = collect(source, 3)
    more, h4pt_more = collect(source, 66)
    assert len(more) == 66
    np.testing.assert_array_equal(more[:3], patches)
    np.testing.assert_array_equal(h4pt_more[:3], h4pt)


def test_a_condition_changes_the_patches_and_never_the_offsets(source):
    patches, h4pt = collect(source, 4)
    distorted, h4pt_distorted = collect(source, 4, "photometric", 1.0)
    np.testing.assert_array_equal(h4pt_distorted, h4pt)
    assert distorted.dtype == np.uint8
    assert (distorted != patches).any(axis=(1, 2, 3)).all()


def test_another_seed_gives_other_pairs(source):
    _, h4pt = collect(source, 4)
    _, other = collect(source, 4, seed=1)
    assert (h4pt != other).any()


def test_photos_too_small_are_skipped_and_counted(tmp_path):
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros([127, 300], np.uint8))
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros([128, 128], np.uint8))
    source = protocols.open_source(protocols.get("coco128"), str(tmp_path))
    assert [path[-9:] for path in source.files] == ["large.png"]
    assert ["127" in reason for reason in source.skipped.values()] == [True]


def test_conditions():
    assert protocols.conditions(["none"], [1.0]) == [("none", 0.0)]
    assert protocols.conditions(["blur", "none"], [0.5, 2.0]) == [
        ("blur", 0.5),
        ("blur", 2.0),
        ("none", 0.0),
    ]
    everything = protocols.conditions(["all"], [1.0])
    assert everything[0] == ("none", 0.0)
    assert len(everything) == 6


@pytest.mark.parametrize(
    ("names", "strengths", "message"),
    [
        (["fog"], [1.0], "no distortion 'fog'"),
        ([""], [1.0], "no distortion ''"),
        ([], [1.0], "Nothing"),
        (["blur"], [], "Nothing"),
        (["blur"], [3.0], "at most 2"),
        (["blur", "blur"], [1.0], "twice"),
        (["blur"], [1.0, 1.0], "twice"),
    ],
)
def test_bad_conditions_are_refused(names, strengths, message):
    with pytest.raises(ValueError, match=message):
        protocols.conditions(names, strengths)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="coco128, paper256"):
        protocols.get("coco")
