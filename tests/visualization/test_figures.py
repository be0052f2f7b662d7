"""Pictures show what they claim."""

import cv2
import numpy as np

from keras_homography.visualization import curves, image_files, patch_figures


def test_quads_are_drawn_where_the_corners_are():
    patches = np.zeros((3, 40, 40, 2), np.float32)
    true = np.zeros((3, 4, 2), np.float32)
    predicted = np.full((3, 4, 2), 10.0, np.float32)
    picture = patch_figures.quads(patches, true, predicted, columns=2, margin=20)
    assert picture.shape == (160, 160, 3)
    assert picture.dtype == np.uint8
    tile = picture[:80, :80].astype(int)
    np.testing.assert_allclose(tile[40, 20], patch_figures.TRUE_COLOR, atol=40)  # antialiased
    np.testing.assert_allclose(tile[50, 30], patch_figures.PREDICTED_COLOR, atol=40)
    assert tile[0, 0].max() < 40


def test_confidence_maps_are_bright_where_it_is_likely():
    probabilities = np.full((1, 4, 2, 21), 0.01, np.float32)
    probabilities[:, :, 0, 15], probabilities[:, :, 1, 5] = 0.8, 0.8  # 5 right, 5 up
    true = np.tile(np.float32([-8, 8]), (1, 4, 1))
    patches = np.zeros((1, 40, 40, 2), np.float32)
    picture = patch_figures.confidence_maps(patches, true, true, probabilities, rho=10)
    side = len(picture)
    assert picture.shape == (side, 5 * side, 3)
    for corner in range(4):
        likely = picture[:, (1 + corner) * side : (2 + corner) * side].astype(int)
        row, column = (round((bin_ + 0.5) / 21 * side) for bin_ in (5, 15))
        assert likely[row, column].sum() > likely[side // 2, side // 2].sum() + 150
        row, column = (round((bin_ + 0.5) / 21 * side) for bin_ in (18, 2))
        np.testing.assert_allclose(likely[row, column], patch_figures.TRUE_COLOR, atol=40)


def test_learning_curve_falls_from_left_to_right():
    history = [{"pairs": 100, "val_mace": 20.0}, {"pairs": 200, "val_mace": 2.0}]
    picture = curves.learning_curves({"run": history}, identity=24.0)
    assert picture.shape[2] == 3
    blue = (picture[..., 2].astype(int) - picture[..., 0]) > 100
    rows, columns = np.nonzero(blue[:, :450])
    assert rows[columns.argmin()] < rows[columns.argmax()]


def test_png_round_trip(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8)
    image_files.write_png(tmp_path / "picture.png", picture)
    read = cv2.cvtColor(cv2.imread(str(tmp_path / "picture.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read, picture)
