"""Pairs of the calibration: all kinds, as many as are counted, with the truth in their pixels."""

import itertools

import cv2
import numpy as np
import pytest

from keras_homography.data import matching_pairs, sources
from keras_homography.evaluation import calibration_pairs, protocol_pairs, protocols, traps
from keras_homography.evaluation.calibration_pairs import PROTOCOL_KINDS, ProtocolKind
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.geometry import arrays


def pairs_of(second_image, source, count=4):
    """All clean pairs of `coco128` with such a second image."""
    kind = ProtocolKind("coco128", "none", 0.0, second_image)
    assert kind in PROTOCOL_KINDS
    protocol = protocols.get_protocol("coco128")
    pairs = ProtocolPairs(protocol, source, count, seed=3)
    return list(calibration_pairs._pairs_of_protocol(pairs, kind))


@pytest.fixture(scope="module")
def same(source):
    return pairs_of("same", source)


def differences(pair, b_from_a):
    """Mean difference of gray levels where A, warped by a homography, covers B; and the share."""
    height, width = pair.image_b.shape
    warped = cv2.warpPerspective(pair.image_a, b_from_a, (width, height))
    covered = cv2.warpPerspective(np.full_like(pair.image_a, 255), b_from_a, (width, height)) == 255
    difference = np.abs(warped.astype(int) - pair.image_b)[covered].mean()
    return difference, covered.mean()


@pytest.mark.long
@pytest.mark.parametrize("second_image", ["same", "turned"])
def test_homographies_are_those_of_the_pixels(source, second_image):
    for pair in pairs_of(second_image, source):
        assert pair.image_a.dtype == pair.image_b.dtype == np.uint8
        assert pair.expected == traps.RIGHT
        right, share = differences(pair, pair.b_from_a)
        shift = np.array([[1, 0, 6], [0, 1, 4], [0, 0, 1]], np.float64)
        wrong, _ = differences(pair, shift @ pair.b_from_a)
        assert share > 0.4
        assert right < 4.0
        assert right < 0.4 * wrong


@pytest.mark.long
def test_a_turned_image_is_the_same_image_with_its_corners(source, same):
    for pair, turned in zip(same, pairs_of("turned", source), strict=True):
        np.testing.assert_array_equal(turned.image_a, pair.image_a)
        np.testing.assert_array_equal(turned.image_b, np.rot90(pair.image_b))
        # The middle of B stays, whichever way it is turned.
        middle = np.array([[63.5, 63.5]])
        np.testing.assert_allclose(
            arrays.transform_points(np.linalg.inv(turned.b_from_a), middle),
            arrays.transform_points(np.linalg.inv(pair.b_from_a), middle),
            atol=1e-3,
        )


def test_bent_and_other_images_have_no_homography(source, same):
    bent, other = (pairs_of(kind, source) for kind in ("bent", "other"))
    assert len(bent) == 4
    assert len(other) == 3
    for pair in (*bent, *other):
        assert pair.b_from_a is None
        assert pair.expected == traps.REFUSED
    for first, second, pair in zip(same, same[1:], other, strict=False):
        np.testing.assert_array_equal(pair.image_a, second.image_a)
        np.testing.assert_array_equal(pair.image_b, first.image_b)
    for pair, unbent in zip(bent, same, strict=True):
        np.testing.assert_array_equal(pair.image_a, unbent.image_a)
        assert (pair.image_b != unbent.image_b).mean() > 0.3


class Noise:
    """A source of noise."""

    def __init__(self, height, width):
        self._shape = (height, width, 1)

    def stream(self, seed, start=0):
        return self

    def as_numpy_iterator(self):
        generator = np.random.default_rng(0)
        images = [generator.integers(0, 256, self._shape, np.uint8) for _ in range(5)]
        return ((0, image) for image in itertools.cycle(images))


class PhotoBatches:
    """Batches of one pair, as of `matching_pairs.pair_batches`."""

    def __init__(self, size):
        self._size, self._count = size, 0

    def take(self, count):
        self._count = count
        return self

    def as_numpy_iterator(self):
        for number in range(self._count):
            patches = np.full([1, self._size, self._size, 2], 90.0, np.float32)
            patches[..., 1] += 1
            b_from_a = np.array([[[1, 0, number], [0, 1, 0], [0, 0, 1]]], np.float32)
            yield patches, (b_from_a, None, None)


@pytest.fixture
def requested(monkeypatch):
    """Which photos are asked for; images and patches are replaced by such as cost nothing."""
    options = []

    def pair_batches(source, size, **others):
        options.append(others)
        return PhotoBatches(size)

    def batches(pairs, condition):
        size = pairs.protocol.spec.patch_size
        patches = np.zeros([pairs.count, size, size, 2], np.uint8)
        yield patches, np.zeros([pairs.count, 4, 2], np.float32)

    monkeypatch.setattr(matching_pairs, "pair_batches", pair_batches)
    monkeypatch.setattr(ProtocolPairs, "batches", batches)
    monkeypatch.setattr(protocol_pairs, "open_source", lambda *_: None)
    monkeypatch.setattr(
        sources, "open_source", lambda *_, height, width, **__: Noise(height, width)
    )
    return options


def test_as_many_pairs_of_every_kind_are_made_as_are_counted(requested):
    made = list(calibration_pairs.make_pairs("synthetic", 2, seed=3))
    assert len(made) == calibration_pairs.count_pairs(2)
    kinds = list(dict.fromkeys(pair.kind for pair in made))
    photos = ["cameras, easy", "cameras, hard"]
    photos += ["sensors, easy", "sensors, medium", "sensors, hard"]
    assert kinds == [*(kind.name for kind in PROTOCOL_KINDS), *photos, *traps.KINDS]
    counts = {kind: sum(pair.kind == kind for pair in made) for kind in kinds}
    assert counts["coco128"] == counts["sensors, hard"] == 2
    assert counts["coco128, other"] == 1
    assert counts["different scenes"] == len(traps.KINDS["different scenes"].options)
    assert all(pair.expected == traps.REFUSED for pair in made if pair.kind == "chessboard")


def test_photos_are_of_several_difficulties_by_cameras_and_by_sensors(requested):
    made = list(calibration_pairs._pairs_of_photos("synthetic", 3, seed=5))
    shares = [options["share_of_sensors"] * options["difficulty"] for options in requested]
    assert shares == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert [options["difficulty"] for options in requested] == [0.4, 1.0, 0.2, 0.5, 1.0]
    assert all(options["seed"] == 5 for options in requested)
    for number, pair in enumerate(made):
        assert pair.image_a.shape == pair.image_b.shape == (320, 320)
        assert (pair.image_a == 90).all()
        assert (pair.image_b == 91).all()
        np.testing.assert_array_equal(pair.b_from_a[:, 2], [number % 3, 0, 1])


@pytest.mark.parametrize(("count", "rounds"), [(2, 1), (49, 1), (100, 2), (199, 3), (1000, 20)])
def test_traps_come_once_for_every_fifty(count, rounds):
    others = sum(kind.second_image == "other" for kind in PROTOCOL_KINDS)
    of_kinds = count * (len(PROTOCOL_KINDS) + 5) - others
    assert calibration_pairs.count_pairs(count) == of_kinds + rounds * traps.COUNT


def test_kinds_are_named_by_what_is_changed():
    names = [kind.name for kind in PROTOCOL_KINDS]
    assert len(set(names)) == len(names)
    assert names[0] == "coco128"
    assert "paper256 occlusion x1.5" in names
    assert "coco128 photometric x1, other" in names
    assert not set(names) & set(traps.KINDS)
