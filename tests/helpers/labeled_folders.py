"""Folders of labeled pairs: one generated image, and the same image warped by OpenCV."""

import cv2
import numpy as np

B_FROM_A = np.array([[0.95, 0.12, 6.0], [-0.1, 1.02, 9.0], [1e-4, -2e-4, 1.0]])


def grid_points(b_from_a, width, height):
    """Nine points of A and where they are in B: rows `x_a y_a x_b y_b`."""
    x, y = np.meshgrid([0.3 * width, 0.5 * width, 0.7 * width], np.array([0.3, 0.5, 0.7]) * height)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    moved = cv2.perspectiveTransform(points[None], b_from_a)[0]
    return np.hstack([points, moved])


def write_pair(folder, image, b_from_a=B_FROM_A, truth="b_from_a.txt", size_b=None):
    """Write A, B and the truth; `image` is uint8 `[height, width]`."""
    folder.mkdir(parents=True)
    height, width = image.shape
    image_b = cv2.warpPerspective(image, b_from_a, size_b or (width, height))
    assert cv2.imwrite(str(folder / "a.png"), image)
    assert cv2.imwrite(str(folder / "b.png"), image_b)
    numbers = grid_points(b_from_a, width, height) if truth == "points.txt" else b_from_a
    np.savetxt(folder / truth, numbers)


def write_scenes(folder, images, count=4, sides=(96, 80)):
    """Write `count` pairs of different scenes, upright and lying, with matrices and points."""
    for number in range(count):
        width, height = sides if number % 2 else sides[::-1]
        image = cv2.resize(images[number % len(images)][..., 0], (width, height))
        image = image if number < len(images) else image[::-1]
        truth = "points.txt" if number % 2 else "b_from_a.txt"
        write_pair(folder / "kind" / f"scene {number}", image, truth=truth)
    return folder
