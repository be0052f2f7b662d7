"""Labeled pairs to train on: reduced images keep their truth, bad pairs are named, scenes stay."""

import cv2
import numpy as np
import pytest
from helpers.labeled_folders import B_FROM_A, grid_points, write_pair, write_scenes

from keras_homography.data import labeled_images
from keras_homography.utils.errors import UserError


def read(folder, **options):
    options = {"width": 160, "height": 120, "min_side": 48, "max_residual": 3.0} | options
    return labeled_images.read_folder(folder, **options)


@pytest.fixture
def image(images):
    return images[0][..., 0]


def test_reduced_images_fit_the_box_and_keep_the_truth(images, tmp_path):
    write_pair(tmp_path / "lying", images[0][..., 0])
    upright = np.ascontiguousarray(images[1][..., 0].T)
    small = np.diag([0.4, 0.4, 1.0]) @ B_FROM_A
    write_pair(tmp_path / "upright", upright, small, "points.txt", size_b=(100, 130))
    (lying, turned), skipped = read(tmp_path)
    assert skipped == {}
    assert lying.image_a.pixels.shape == (120, 160)
    assert turned.image_a.pixels.shape == (160, 120)
    assert turned.image_b.pixels.shape == (130, 100)  # fits: not enlarged
    assert lying.residual is None
    assert turned.residual < 0.01
    for pair in (lying, turned):
        size_b = pair.image_b.pixels.shape[::-1]
        white = np.full(pair.image_a.pixels.shape, 255, np.uint8)
        warped, shown = (
            cv2.warpPerspective(of_a, pair.b_from_a, size_b)
            for of_a in (pair.image_a.pixels, white)
        )
        pixels = warped[shown == 255], pair.image_b.pixels[shown == 255]
        assert np.corrcoef(*pixels)[0, 1] > 0.97


def test_the_sign_of_a_matrix_does_not_matter(image, tmp_path):
    write_pair(tmp_path / "minus", image)
    plus, _ = read(tmp_path)
    np.savetxt(tmp_path / "minus" / "b_from_a.txt", -2 * B_FROM_A)
    minus, _ = read(tmp_path)
    np.testing.assert_allclose(minus[0].b_from_a, plus[0].b_from_a, rtol=1e-9)


POINTS = grid_points(B_FROM_A, 320, 240)
ONE_WRONG = POINTS + np.array([0.0, 0.0, 90.0, 0.0]) * (np.arange(9) == 4)[:, None]
ON_A_LINE = np.repeat(np.arange(1.0, 7.0)[:, None] * 20.0, 4, axis=1)
OUTSIDE = POINTS + np.array([0.0, 0.0, 0.0, 100.0]) * (np.arange(9) == 7)[:, None]
FAR = np.array([[1.0, 0.0, 900.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
FLAT = np.array([[1.0, 0.0, 0.0], [0.0, 1e-5, 50.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("truth", "numbers", "reason"),
    [
        (
            "points.txt",
            ONE_WRONG,
            r"no homography fits its points: \d+\.\d+ px off on average, abov",
        ),
        ("points.txt", ON_A_LINE, "its points lie on one line in image A"),
        ("points.txt", OUTSIDE, r"row 8 of points.txt, \(1\d\d.*\), lies outside image B"),
        ("b_from_a.txt", FAR, "B shows 0% of A by the given truth: too little"),
        ("b_from_a.txt", FLAT, "enlarges A by 0.00316: it is nearly singular"),
        ("b_from_a.txt", np.ones([3, 3]), "singular matrix"),
    ],
)
def test_pairs_that_nothing_can_be_learned_from_are_named(
    image, tmp_path, caplog, truth, numbers, reason
):
    write_pair(tmp_path / "good", image)
    write_pair(tmp_path / "bad", image)
    (tmp_path / "bad" / "b_from_a.txt").unlink()
    np.savetxt(tmp_path / "bad" / truth, numbers)
    pairs, skipped = read(tmp_path)
    assert [pair.name for pair in pairs] == ["good"]
    assert list(skipped) == ["bad"]
    with pytest.raises(UserError, match=reason):
        raise UserError(skipped["bad"])
    assert "Skipped 'bad'" in caplog.text


def test_images_that_cannot_be_used_are_named(image, tmp_path):
    for name in ("good", "broken", "small", "unlabeled"):
        write_pair(tmp_path / name, image)
    (tmp_path / "broken" / "b.png").write_bytes(b"no image")
    cv2.imwrite(str(tmp_path / "small" / "a.png"), image[:40, :60])
    (tmp_path / "unlabeled" / "b_from_a.txt").unlink()
    pairs, skipped = read(tmp_path)
    assert len(pairs) == 1
    assert "not an image" in skipped["broken"]
    assert "a.png has 60x40 pixels, less than --patch_size=48" in skipped["small"]
    assert "the truth is missing" in skipped["unlabeled"]
    with pytest.raises(
        UserError, match=r"None of the 4 pairs below .* can be used: unlabeled: the"
    ):
        read(tmp_path, min_side=130)


def test_pairs_that_share_an_image_are_of_one_scene(images, tmp_path):
    write_scenes(tmp_path, images, count=6)
    # The last one continues the first one's sequence under another name.
    first, last = (tmp_path / "kind" / f"scene {number}" for number in (0, 5))
    (last / "a.png").write_bytes((first / "b.png").read_bytes())
    np.savetxt(last / "b_from_a.txt", np.eye(3))
    (last / "points.txt").unlink()
    pairs, _ = read(tmp_path)
    scenes = labeled_images.group_by_scene(pairs)
    assert [[pair.name[-1] for pair in scene] for scene in scenes] == [
        ["0", "5"],
        ["1"],
        ["2"],
        ["3"],
        ["4"],
    ]
    training, validation = labeled_images.split_by_scene(pairs)
    assert [pair.name[-1] for pair in validation] == ["0", "5"]
    assert [pair.name[-1] for pair in training] == ["1", "2", "3", "4"]
    with pytest.raises(UserError, match="The 2 usable pairs are of one scene, which cannot be sp"):
        labeled_images.split_by_scene(validation)
