"""Folders of labeled pairs: every layout, and everything that can be wrong with one."""

import numpy as np
import pytest

from keras_homography.data import labeled_pairs
from keras_homography.utils.errors import UserError

MATRIX = np.array([[1.1, 0.1, 5.0], [-0.05, 0.9, 7.0], [1e-4, -2e-4, 1.0]])


def write_pair(folder, names=("a.png", "b.jpg"), truth="b_from_a.txt", numbers=MATRIX):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    if truth:
        np.savetxt(folder / truth, numbers)


def test_folders_with_a_matrix_or_points(tmp_path):
    points = np.arange(20.0).reshape(5, 4)
    write_pair(tmp_path / "kind" / "first", numbers=2 * MATRIX)
    write_pair(tmp_path / "deep" / "er" / "second", truth="points.txt", numbers=points)
    pairs, skipped = labeled_pairs.find_labeled_pairs(tmp_path)
    assert skipped == {}
    assert [(pair.name, pair.kind) for pair in pairs] == [
        ("deep/er/second", "deep/er"),
        ("kind/first", "kind"),
    ]
    np.testing.assert_array_equal(pairs[0].points, points)
    np.testing.assert_allclose(pairs[1].b_from_a, MATRIX, rtol=1e-12)
    assert pairs[1].path_a.name == "a.png"
    assert pairs[1].path_b.name == "b.jpg"


def test_hpatches_keeps_light_and_viewpoint_apart(tmp_path):
    for sequence in ("i_wall", "v_wall"):
        write_pair(tmp_path / sequence, [f"{i}.ppm" for i in range(1, 7)], truth=None)
        for i in range(2, 7):
            np.savetxt(tmp_path / sequence / f"H_1_{i}", MATRIX)
    pairs, skipped = labeled_pairs.find_labeled_pairs(tmp_path)
    assert skipped == {}
    assert len(pairs) == 10
    assert {pair.kind for pair in pairs} == {"illumination", "viewpoint"}
    assert pairs[0].name == "i_wall/1_2"
    assert pairs[-1].path_b == tmp_path / "v_wall" / "6.ppm"


def test_oxford_sequences(tmp_path):
    write_pair(tmp_path / "oxford" / "graf", ["img1.ppm", "img2.ppm"], truth=None)
    np.savetxt(tmp_path / "oxford" / "graf" / "H1to2p", MATRIX)
    np.savetxt(tmp_path / "oxford" / "graf" / "H1to3p", MATRIX)
    pairs, skipped = labeled_pairs.find_labeled_pairs(tmp_path)
    assert [(pair.name, pair.kind) for pair in pairs] == [("oxford/graf/1_2", "oxford")]
    assert skipped == {"oxford/graf/1_3": "image B is missing"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"names": ["a.png"]}, "image B is missing"),
        ({"names": ["b.png"]}, "image A is missing"),
        ({"truth": None}, "the truth is missing"),
        ({"numbers": np.ones((3, 3))}, "singular"),
        ({"numbers": np.zeros((3, 3))}, "singular"),
        ({"numbers": np.eye(2)}, "not a 3x3 matrix"),
        ({"numbers": np.full((3, 3), np.nan)}, "not finite"),
        ({"truth": "points.txt", "numbers": np.ones((3, 4))}, "at least 4 rows"),
        ({"truth": "points.txt", "numbers": np.ones((9, 3))}, "at least 4 rows"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, options, reason):
    write_pair(tmp_path / "good")
    write_pair(tmp_path / "bad", **options)
    pairs, skipped = labeled_pairs.find_labeled_pairs(tmp_path)
    assert [pair.name for pair in pairs] == ["good"]
    assert list(skipped) == ["bad"]
    assert reason in skipped["bad"]


def test_unreadable_numbers_are_named(tmp_path):
    write_pair(tmp_path / "words")
    (tmp_path / "words" / "b_from_a.txt").write_text("one two three\n")
    write_pair(tmp_path / "bytes")
    (tmp_path / "bytes" / "b_from_a.txt").write_bytes(b"\xff\xfe\x00")
    pairs, skipped = labeled_pairs.find_labeled_pairs(tmp_path)
    assert pairs == []
    assert all("cannot be read" in reason for reason in skipped.values())
    assert sorted(skipped) == ["bytes", "words"]


def test_a_folder_without_pairs_is_refused(tmp_path):
    with pytest.raises(UserError, match="No pair of images"):
        labeled_pairs.find_labeled_pairs(tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        labeled_pairs.find_labeled_pairs(tmp_path / "missing")
