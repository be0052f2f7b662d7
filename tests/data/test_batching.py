"""Batches of pairs: deterministic, resumable, several pairs an image."""

import dataclasses

import numpy as np
import pytest

from keras_homography.data import batching, folder_source, pairs
from keras_homography.data.pair_spec import PairSpec

SPEC = PairSpec(patch_size=32, rho=8, image_width=80, image_height=60)


@pytest.fixture(scope="module")
def source(image_folder):
    return folder_source.FolderSource(image_folder, 60, 80, min_side=128)


def read(source, count, **options):
    options = {"seed": 3, "batch_size": 4} | options
    return list(batching.pair_batches(source, SPEC, **options).take(count).as_numpy_iterator())


@pytest.mark.parametrize("pairs_per_image", [1, 3])
def test_starting_later_gives_the_same_batches(source, pairs_per_image):
    batches = read(source, 8, pairs_per_image=pairs_per_image)
    later = read(source, 3, pairs_per_image=pairs_per_image, start_step=5)
    for (patches, h4pt), (patches_later, h4pt_later) in zip(batches[5:], later, strict=True):
        np.testing.assert_array_equal(patches, patches_later)
        np.testing.assert_array_equal(h4pt, h4pt_later)


def test_elements_are_as_promised(source):
    dataset = batching.pair_batches(source, SPEC, seed=0, batch_size=4)
    patches, h4pt = dataset.element_spec
    assert patches.shape == (4, 32, 32, 2)
    assert h4pt.shape == (4, 4, 2)
    patches, h4pt = read(source, 1)[0]
    assert patches.dtype == h4pt.dtype == np.float32
    np.testing.assert_array_equal(patches, np.round(patches))
    assert patches.min() >= 0
    assert patches.max() <= 255


def test_every_pair_is_another(source):
    h4pt = np.concatenate([h4pt for _, h4pt in read(source, 6, pairs_per_image=3)])
    assert len({one.tobytes() for one in h4pt}) == 24


def test_pairs_per_image_reuses_images(source, monkeypatch):
    """With the draws fixed, batches of one block show the same images."""
    monkeypatch.setattr(
        pairs, "sample_pair", lambda *_, **__: (np.int32([8, 8]), np.zeros((4, 2), "f"))
    )
    pairs._compiled.cache_clear()
    pairs.make_pair_fn.cache_clear()
    batches = [patches for patches, _ in read(source, 4, pairs_per_image=2)]
    np.testing.assert_array_equal(batches[0], batches[1])
    np.testing.assert_array_equal(batches[2], batches[3])
    assert not np.array_equal(batches[0], batches[2])
    pairs._compiled.cache_clear()
    pairs.make_pair_fn.cache_clear()


@pytest.mark.long
@pytest.mark.parametrize("pairs_per_image", [1, 3])
def test_parts_of_workers_are_together_what_one_has(source, pairs_per_image):
    options = {"pairs_per_image": pairs_per_image, "start_step": 2}
    whole = read(source, 5, **options)
    parts = [read(source, 5, shard=(i, 2), **options) for i in (0, 1)]
    for step, (patches, h4pt) in enumerate(whole):
        for i in (0, 1):
            np.testing.assert_array_equal(parts[i][step][0], patches[i::2])
            np.testing.assert_array_equal(parts[i][step][1], h4pt[i::2])


def test_images_and_indices_make_the_same_pairs(source):
    """What `--make_pairs_on=device` computes in the step of training."""
    image_batches = batching.image_batches(
        source, seed=3, batch_size=4, pairs_per_image=3, start_step=1
    )
    make = pairs.make_pair_fn(3, SPEC)
    expected = read(source, 4, pairs_per_image=3, start_step=1)
    for (images, indices), (patches, h4pt) in zip(image_batches.take(4), expected, strict=True):
        assert images.dtype == "uint8"
        made = make(images, indices)
        np.testing.assert_array_equal(made[0], patches)
        np.testing.assert_array_equal(made[1], h4pt)


def test_validation_is_frozen_and_of_the_count_asked_for(source):
    first, again = (
        list(batching.validation_batches(source, 70, SPEC).as_numpy_iterator()) for _ in range(2)
    )
    assert [len(h4pt) for _, h4pt in first] == [64, 6]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(first[0][1], np.round(first[0][1]))


def test_images_of_another_size_are_refused(source):
    spec = dataclasses.replace(SPEC, image_height=50)
    with pytest.raises(ValueError, match=r"The images are 80x60, .* specified for 80x50"):
        batching.pair_batches(source, spec, seed=0, batch_size=4)


@pytest.mark.parametrize("with_next", [False, True])
def test_batches_of_images_in_color(image_folder, with_next):
    source = folder_source.FolderSource(image_folder, 60, 80, 128, cache="none", channels=3)
    expected = np.stack([image for _, image in source.stream(3).take(9).as_numpy_iterator()])
    batches = batching.image_batches(source, seed=3, batch_size=4, with_next=with_next)
    images = np.concatenate([images for images, _ in batches.take(2).as_numpy_iterator()])
    if with_next:
        np.testing.assert_array_equal(images[:, 1], expected[1:])
        images = images[:, 0]
    assert images.shape == (8, 60, 80, 3)
    np.testing.assert_array_equal(images, expected[:8])
