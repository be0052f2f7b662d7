"""Protocol `pairs`: true points, errors, halves, and what a pair that cannot be read does."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.data.labeled_pairs import LabeledPair, find_labeled_pairs
from keras_homography.evaluation import labeled_pair_measurement as measurement
from keras_homography.evaluation.image_estimators import Answer, ImageEstimator
from keras_homography.utils.errors import UserError

MATRIX = np.array([[1.1, 0.1, 5.0], [-0.05, 0.9, 7.0], [1e-4, -2e-4, 1.0]])


def labeled(name="kind/name", **truth):
    return LabeledPair(name, "kind", None, None, **truth)


def test_points_of_a_matrix_are_where_opencv_puts_them():
    for matrix in (MATRIX, -MATRIX):
        points_a, points_b = measurement.true_points(
            labeled(b_from_a=matrix), (200, 100), (220, 110)
        )
        assert len(points_a) == 25
        np.testing.assert_allclose(points_b, cv2.perspectiveTransform(points_a[None], MATRIX)[0])


def test_only_points_that_b_shows_count():
    shift = np.array([[1.0, 0, 90], [0, 1, 0], [0, 0, 1]])
    points_a, points_b = measurement.true_points(labeled(b_from_a=shift), (101, 101), (100, 100))
    assert set(points_a[:, 0]) == {0.0, 25.0}
    assert points_b[:, 0].max() <= 120
    far = np.array([[1.0, 0, 900], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(UserError, match="shows nothing"):
        measurement.true_points(labeled(b_from_a=far), (101, 101), (100, 100))


def test_corners_need_a_matrix():
    points_a, points_b = measurement.true_points(
        labeled(b_from_a=MATRIX), (20, 10), (20, 10), "corners"
    )
    np.testing.assert_array_equal(points_a, [[0, 0], [20, 0], [20, 10], [0, 10]])
    np.testing.assert_allclose(points_b, cv2.perspectiveTransform(points_a[None], MATRIX)[0])
    with pytest.raises(UserError, match="corners of A are unknown"):
        measurement.true_points(labeled(points=np.ones((4, 4))), (20, 10), (20, 10), "corners")


def test_transfer_error_is_a_distance_and_scale_does_not_matter():
    points = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    shift = np.array([[1.0, 0, 3], [0, 1, 4], [0, 0, 1]])
    for scale in (1, -2, 1e-6):
        assert measurement.transfer_error(scale * shift, points, points) == pytest.approx(5.0)
    assert measurement.transfer_error(None, points, points) == np.inf
    assert measurement.transfer_error(np.full((3, 3), np.nan), points, points) == np.inf
    horizon = np.array([[1.0, 0, 0], [0, 1, 0], [0.2, 0, -1]])
    assert measurement.transfer_error(horizon, points, points) == np.inf


def test_halves_are_disjoint_complete_and_do_not_depend_on_the_others():
    pairs = [labeled(f"kind/{i}", b_from_a=MATRIX) for i in range(40)]
    tune, report = (measurement.select(pairs, None, part) for part in measurement.PARTS)
    assert {p.name for p in tune} | {p.name for p in report} == {p.name for p in pairs}
    assert len(tune) + len(report) == 40
    assert 8 < len(tune) < 32
    assert measurement.select(pairs[:10], None, "tune") == [p for p in tune if p in pairs[:10]]
    assert measurement.select(pairs, 3) == pairs[:3]


@pytest.fixture
def folder(images, tmp_path):
    """Two pairs that can be read and one that cannot."""
    for number in range(3):
        a, b, a_from_b = warped_pair(images[number, ..., 0], number, 10)
        pair = tmp_path / "kind" / str(number)
        pair.mkdir(parents=True)
        cv2.imwrite(str(pair / "a.png"), a)
        cv2.imwrite(str(pair / "b.png"), b)
        np.savetxt(pair / "b_from_a.txt", np.linalg.inv(a_from_b))
    (tmp_path / "kind" / "2" / "b.png").write_bytes(b"no image")
    return tmp_path


def test_the_truth_has_no_error_at_any_size_and_bad_files_are_named(folder):
    pairs, _ = find_labeled_pairs(folder)
    for short_side in (None, 80):
        sizes, truths = [], iter(pairs)

        def know(image_a, image_b, sizes=sizes, truths=truths, short_side=short_side):
            sizes.append(min(image_a.shape[:2]))
            matrix = next(truths).b_from_a
            scale = (short_side or 160) / 160
            resize = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
            return Answer(resize @ matrix @ np.linalg.inv(resize), True, 1.0)

        outcomes, skipped = measurement.measure([ImageEstimator("oracle", know)], pairs, short_side)
        assert list(skipped) == ["kind/2"]
        assert [outcome.name for outcome in outcomes] == ["kind/0", "kind/1"]
        assert max(outcome.error for outcome in outcomes) < 1e-6
        assert set(sizes) == {short_side or 160}
