"""Validation sets measure, draw and describe predictions."""

import numpy as np
import pytest
from helpers.tiny_runs import random_pairs

from keras_homography.training import losses, validation


def test_labeled_pairs_are_measured_in_pixels():
    patches, h4pt = random_pairs(12)
    labeled = validation.LabeledValidation([(patches[:8], h4pt[:8]), (patches[8:], h4pt[8:])], 4)
    np.testing.assert_array_equal(labeled.patches, patches)
    off = h4pt + np.array([3.0, 4.0], np.float32)
    summary, identity = labeled.summarize(off), labeled.summarize(h4pt)
    assert summary["mace"] == pytest.approx(5.0, rel=1e-5)
    assert identity[labeled.criterion] == 0
    sentence = labeled.describe("mine", summary, identity)
    assert sentence.startswith("Corner error on 12 validation pairs (mine): mean 5.00 px, median")
    assert not np.array_equal(labeled.draw(off), labeled.draw(h4pt))
    likely = np.eye(21, dtype=np.float32)[np.full([12, 4, 2], 10)]
    maps = labeled.draw(off, likely)
    assert maps.dtype == np.uint8
    assert not np.array_equal(maps, labeled.draw(off, np.full([12, 4, 2, 21], 1 / 21, np.float32)))


def test_unlabeled_pairs_are_measured_by_their_alignment():
    patches, h4pt = random_pairs(70)  # more than a batch of them
    patches[..., 1] = patches[..., 0]
    unlabeled = validation.UnlabeledValidation([(patches,)])
    still = unlabeled.summarize(np.zeros_like(h4pt))
    moved = unlabeled.summarize(h4pt)
    assert still["photometric"] < 0.1
    assert moved["photometric"] > 0.5
    assert moved["photometric"] == pytest.approx(losses.photometric(patches, h4pt).numpy().mean())
    sentence = unlabeled.describe("mine", moved, still)
    assert sentence.startswith("Photometric loss on 70 validation pairs (mine): ")
    assert unlabeled.draw(h4pt).shape == (2 * 2 * 16, 4 * 16, 3)
