"""Lucas–Kanade refinement of a homography on one pyramid level, in NumPy and OpenCV."""

import cv2
import numpy as np

from keras_homography.geometry import arrays

MAX_POINTS = 12_000  # of a level, each the one with the strongest gradient around
_BORDER = 2  # pixels that the gradient needs on every side
_MID_GRAY = 127.5
_MIN_SCALE = 1.0  # gray levels: below it, residuals are rounding
_CONVERGED = 2e-3  # pixels that corners move


def strongest_points(gray):
    """The pixel with the strongest gradient of every block, int64 `[n, 2]`, n at most `POINTS`."""
    inner = gray[_BORDER:-_BORDER, _BORDER:-_BORDER]
    height, width = inner.shape
    block = max(1, int(np.ceil(np.sqrt(height * width / MAX_POINTS))))
    rows, columns = height // block, width // block
    around = gray[
        _BORDER - 1 : _BORDER + 1 + rows * block, _BORDER - 1 : _BORDER + 1 + columns * block
    ]
    strength = cv2.add(
        cv2.absdiff(around[1:-1, 2:], around[1:-1, :-2]),
        cv2.absdiff(around[2:, 1:-1], around[:-2, 1:-1]),
    )
    blocks = strength.reshape(rows, block, columns, block).transpose(0, 2, 1, 3)
    best = blocks.reshape(rows, columns, -1).argmax(axis=-1)
    y = np.arange(rows)[:, None] * block + best // block + _BORDER
    x = np.arange(columns) * block + best % block + _BORDER
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _gather(image, x, y):
    return image.ravel().take(y * image.shape[1] + x).astype(np.float32)


def _sample(image, points):
    """Gray level and gradient `(gray, gradient_x, gradient_y)` at points `[n, 2]`, each bilinear
    (exactly, unlike `cv2.remap`, which rounds to 1/32 of a pixel), and which lie inside."""
    height, width = image.shape
    x, y = points[:, 0].astype(np.float32), points[:, 1].astype(np.float32)
    inside = (x >= 1) & (x < width - 2) & (y >= 1) & (y < height - 2)
    left = np.where(inside, np.floor(x), 1).astype(np.int64)
    top = np.where(inside, np.floor(y), 1).astype(np.int64)
    x, y = np.where(inside, x - left, 0), np.where(inside, y - top, 0)
    patch = {
        (i, j): _gather(image, left + i, top + j)
        for i in range(-1, 3)
        for j in range(-1, 3)
        if (i in (0, 1)) or (j in (0, 1))
    }

    def bilinear(value):
        upper = value(0, 0) + x * (value(1, 0) - value(0, 0))
        lower = value(0, 1) + x * (value(1, 1) - value(0, 1))
        return upper + y * (lower - upper)

    return (
        bilinear(lambda i, j: patch[i, j]),
        bilinear(lambda i, j: 0.5 * (patch[i + 1, j] - patch[i - 1, j])),
        bilinear(lambda i, j: 0.5 * (patch[i, j + 1] - patch[i, j - 1])),
        inside,
    )


def _geometric_mean(values):
    return float(np.exp(np.log(values).mean())) if len(values) else np.inf


class Level:
    """Two gray images, uint8, of one level, and the pixels of B that they are compared at."""

    def __init__(self, gray_a, gray_b):
        self.gray_a, self.gray_b = gray_a, gray_b
        self._points = strongest_points(gray_b)
        self._b, self._gradient_x, self._gradient_y, _ = _sample(gray_b, self._points)
        # Coordinates of about one, for equations of about one scale.
        self._half = max(arrays.image_size(gray_b)) / 2
        self._center = (np.array(arrays.image_size(gray_b)) - 1) / 2
        self._xy = ((self._points - self._center) / self._half).astype(np.float32)
        self._unit_from_pixel = np.array(
            [
                [1 / self._half, 0, -self._center[0] / self._half],
                [0, 1 / self._half, -self._center[1] / self._half],
                [0, 0, 1],
            ]
        )

    def compare(self, a_from_b, tone=None):
        """B against A under a homography and a tone curve (fitted here if there is none)."""
        gray, gradient_x, gradient_y, inside = _sample(
            self.gray_a, arrays.transform_points(a_from_b, self._points.astype(np.float64))
        )
        measured = (gray > 3) & (gray < 252) & (self._b > 3) & (self._b < 252)
        usable = inside & measured
        z = (gray - _MID_GRAY) / _MID_GRAY
        basis = np.stack([np.ones_like(z), z, z * z])
        difference = self._b - gray
        if tone is None:
            tone = np.zeros(3, np.float32)
            for _ in range(3):
                weights = self._weights(difference - tone @ basis, usable)
                normal = (basis * weights) @ basis.T + 1e-4 * np.eye(3)
                tone = np.linalg.solve(normal, (basis * weights) @ difference)
        residual = difference - tone @ basis
        return {
            "usable": usable,
            "weights": self._weights(residual, usable),
            "residual": residual,
            "difference": difference,
            "basis": basis,
            "tone": tone,
            "gradients": (gradient_x, gradient_y),
        }

    @staticmethod
    def _weights(residual, usable):
        magnitude = np.abs(residual[usable]) + 0.1
        scale = max(2.0 * _geometric_mean(magnitude), _MIN_SCALE)
        root = 1.0 / (1.0 + np.square(residual / scale) / 9.0)
        return usable * root * root

    def step(self, a_from_b, tone=None):
        """One Gauss–Newton step: the new `a_from_b`, and the tone curve. Raises
        `np.linalg.LinAlgError` where nothing determines one."""
        seen = self.compare(a_from_b, tone)
        basis, tone, root = seen["basis"], seen["tone"], np.sqrt(seen["weights"])
        slope = 0.5 + (0.5 * tone[1] + tone[2] * basis[1]) / _MID_GRAY

        # The gradient of A in the coordinates of B: through the derivative of the homography.
        x, y = self._xy.T
        a_from_unit = a_from_b @ np.linalg.inv(self._unit_from_pixel)
        moved = a_from_unit @ np.stack([x, y, np.ones_like(x)])
        depth = np.maximum(moved[2], 1e-6)
        u, v = moved[0] / depth, moved[1] / depth
        over_a_x, over_a_y = seen["gradients"]
        h = a_from_unit
        from_a_x = (over_a_x * (h[0, 0] - u * h[2, 0]) + over_a_y * (h[1, 0] - v * h[2, 0])) / depth
        from_a_y = (over_a_x * (h[0, 1] - u * h[2, 1]) + over_a_y * (h[1, 1] - v * h[2, 1])) / depth
        gradient_x = root * (0.5 * self._half * self._gradient_x + slope * from_a_x)
        gradient_y = root * (0.5 * self._half * self._gradient_y + slope * from_a_y)
        radial = -(x * gradient_x + y * gradient_y)
        equations = np.stack(
            [
                *(x * gradient_x, y * gradient_x, gradient_x),
                *(x * gradient_y, y * gradient_y, gradient_y),
                *(x * radial, y * radial),
                *(root * _MID_GRAY * basis),
            ]
        ).astype(np.float64)
        normal = equations @ equations.T
        damping = 1e-6 * np.trace(normal) / len(normal) + 1e-9
        solution = np.linalg.solve(
            normal + damping * np.eye(len(normal)), equations @ (root * seen["difference"])
        )
        delta = np.append(solution[:8], 0.0).reshape(3, 3) + np.eye(3)
        moved = a_from_unit @ delta @ self._unit_from_pixel
        return moved / moved[2, 2], _MID_GRAY * solution[8:]

    def disagreement(self, a_from_b):
        """How far apart the images still look, in pixels of the level: see
        `lucas_kanade.LucasKanade`; infinite where they do not overlap."""
        seen = self.compare(a_from_b)
        length = np.hypot(self._gradient_x, self._gradient_y)
        ratio = (np.abs(seen["residual"]) + 1.0) / (length + 1.0)
        return _geometric_mean(ratio[seen["usable"]])


def refine_level(level, a_from_b, steps):
    """The homography that a level ends at; None if it runs away."""
    square = arrays.corners(arrays.image_size(level.gray_b))
    tone, quad = None, arrays.transform_points(a_from_b, square)
    for _ in range(steps):
        try:
            a_from_b, tone = level.step(a_from_b, tone)
        except np.linalg.LinAlgError:
            return None
        moved = arrays.transform_points(a_from_b, square)
        if not np.isfinite(moved).all():
            return None
        if np.abs(moved - quad).max() < _CONVERGED:
            break
        quad = moved
    return a_from_b
