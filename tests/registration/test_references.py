"""References and many pairs: the same answers, with less work or in several processes."""

import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

import keras_homography
from keras_homography.registration import many_pairs, references, view_matching
from keras_homography.utils.errors import UserError


def same(result, expected):
    np.testing.assert_array_equal(result.best_a_from_b, expected.best_a_from_b)
    return (result.evidence, result.start) == (expected.evidence, expected.start)


def test_answers_are_those_without_a_reference(estimator, images):
    a, b, _ = warped_pair(images[0, ..., 0], 5, reach=20.0)
    turned, counts = np.rot90(b), np.ones(a.shape, bool)
    counts[:30] = False
    for mask in (None, counts):
        reference = estimator.prepare(a, mask_a=mask)
        for other in (b, np.ascontiguousarray(turned), b):
            assert same(
                estimator.estimate(reference, other), estimator.estimate(a, other, mask_a=mask)
            )


def test_features_of_the_reference_are_computed_once(matcher, images):
    calls = []

    def counting(image):
        calls.append(image.shape)
        return matcher(image)

    reference = references.prepare(counting, images[0])
    for _ in range(2):
        reference.features.of(view_matching.ViewSpec())
    assert len(calls) == 1


def test_another_estimators_reference_and_a_second_mask_are_refused(estimator, images):
    reference = estimator.prepare(images[0])
    with pytest.raises(UserError, match="prepared by another estimator"):
        keras_homography.HomographyEstimator().estimate(reference, images[1])
    with pytest.raises(UserError, match="has its mask already"):
        estimator.estimate(reference, images[1], mask_a=np.ones([240, 320], bool))


def add(a, b):
    """Stands in for an estimate."""
    return a + b


def test_results_of_processes_come_in_order_and_pairs_are_read_when_needed():
    read = []

    def pairs():
        for number in range(9):
            read.append(number)
            yield number, 10 * number

    results = many_pairs.estimate_many(add, pairs(), num_workers=2)
    assert next(results) == 0
    assert len(read) <= 5
    assert list(results) == [11 * number for number in range(1, 9)]


def test_progress_is_printed_with_the_number_of_pairs_where_it_is_known(capsys):
    pairs = [(1, 2), (3, 4)]
    assert list(many_pairs.estimate_many(add, pairs, 0, progress=True)) == [3, 7]
    assert capsys.readouterr().err == "\rpair 1/2\rpair 2/2\n"
    list(many_pairs.estimate_many(add, iter(pairs), 0, progress=True))
    assert capsys.readouterr().err == "\rpair 1\rpair 2\n"


def test_many_pairs_in_this_process(estimator, images):
    a, b, _ = warped_pair(images[0, ..., 0], 5, reach=10.0)
    (result,) = estimator.estimate_many([(a, b)])
    assert same(result, estimator.estimate(a, b))
    with pytest.raises(UserError, match="num_workers must be at least 0; got -1"):
        estimator.estimate_many([], num_workers=-1)
