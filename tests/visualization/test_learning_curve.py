"""Learning curves are drawn at the values of a history."""

import numpy as np

from keras_homography.visualization import learning_curve


def test_a_learning_curve_falls_from_left_to_right():
    history = [{"pairs": 100, "val_mace": 20.0}, {"pairs": 200, "val_mace": 2.0}]
    image = learning_curve.draw({"run": history}, identity=24.0)
    assert image.shape == (400, 700, 3)
    blue = (image[..., 2].astype(int) - image[..., 0]) > 100
    rows, columns = np.nonzero(blue[:, :450])
    assert rows[columns.argmin()] < rows[columns.argmax()]
