"""Random arguments of the estimator and random damage to files, each a function of its number."""

import cv2
import keras
import numpy as np

import keras_homography
from keras_homography import models
from keras_homography.utils.errors import UserError


def untrained_estimator():
    """Return an estimator whose network costs nothing and knows nothing."""
    keras.utils.set_random_seed(0)
    network = models.build("homographynet", patch_size=32, rho=8, width=0.05)
    return keras_homography.HomographyEstimator(network)


def _texture(rng, height, width):
    """Return noise, smooth at a random scale."""
    size = max(1, height // rng.integers(1, 24)), max(1, width // rng.integers(1, 24))
    noise = rng.integers(0, 256, size, np.uint8)
    return cv2.resize(noise, (width, height), interpolation=int(rng.integers(0, 4)))


def _pattern(rng, height, width):
    """Return an image that is uniform, periodic, or smooth."""
    y, x = np.indices((height, width))
    period = int(rng.integers(2, 40))
    return [
        np.full((height, width), rng.integers(0, 256)),
        255 * ((x // period + y // period) % 2),
        255 * (x % period < 2),
        (x * 255) // width,
        np.where(np.hypot(x - width / 2, y - height / 2) < period, 255, 0),
    ][rng.integers(5)].astype(np.uint8)


def _image(rng):
    sizes = [(1, 49), (16, 73), (48, 129)][rng.choice(3, p=[0.6, 0.25, 0.15])]
    height, width = rng.integers(*sizes, 2)
    make = _texture if rng.random() < 0.75 else _pattern
    return make(rng, int(height), int(width))


def _warped(rng, image):
    """Warp an image by a random homography; rotate and mirror it if that is degenerate."""
    height, width = image.shape[:2]
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    reach = rng.uniform(0, 0.6) * min(height, width)
    moved = square + rng.uniform(-reach, reach, [4, 2]).astype(np.float32)
    try:
        matrix = cv2.getPerspectiveTransform(square, moved)
        return cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    except cv2.error:
        return np.rot90(image)[::-1]


def _converted(rng, image):
    """Return an image as another type, with channels, or as a view with other strides."""
    kind = rng.integers(12)
    if kind == 0:
        return image.astype(np.uint16) * 257
    if kind == 1:
        return image.astype(rng.choice([np.float16, np.float32, np.float64]))
    if kind == 2:
        return np.dstack([image] * int(rng.choice([1, 3, 4])))
    if kind == 3:
        return image[::-1, ::-1]
    if kind == 4:
        return np.asfortranarray(np.dstack([image, 255 - image, image]))[:, ::-1]
    if kind == 5:
        return np.dstack([image] * 6)[..., ::2]
    return image


def _not_an_image(rng, image):
    """Return something that is no image, or hardly one."""
    kind = rng.integers(10)
    if kind == 0:
        damaged = image.astype(np.float32)
        damaged.flat[rng.integers(damaged.size)] = rng.choice(
            [np.nan, np.inf, -np.inf, -1, 256, 1e30]
        )
        return damaged
    if kind == 1:
        return image.astype(rng.choice([bool, np.int32, np.int64, complex, object, "U3"]))
    if kind == 2:
        return np.zeros(rng.integers(0, 3, rng.integers(0, 6)), np.uint8)
    if kind == 3:
        return np.zeros([*image.shape, int(rng.choice([0, 2, 5]))], np.uint8)
    if kind == 4:
        return image.astype(np.float32) / 255.0
    if kind == 5:
        return [None, "photo.jpg", 7, [[1, 2], [3]], {}, b"bytes"][rng.integers(6)]
    if kind == 6:
        return image.tobytes()
    if kind == 7:
        return np.broadcast_to(image[..., None], (*image.shape, 3))
    if kind == 8:
        return np.ma.masked_greater(image, 100)
    return image.tolist()


def pair(number):
    """Return `(image_a, image_b, initial_a_from_b)` of a case: mostly images, sometimes not."""
    rng = np.random.default_rng(number)
    a = _image(rng)
    b = _warped(rng, a) if rng.random() < 0.6 else _image(rng)
    if rng.random() < 0.1:
        b = np.clip(b.astype(int) + rng.integers(-60, 60), 0, 255).astype(np.uint8)
    a, b = _converted(rng, a), _converted(rng, b)
    if rng.random() < 0.1:
        a = _not_an_image(rng, np.ascontiguousarray(_image(rng)))
    if rng.random() < 0.1:
        b = _not_an_image(rng, np.ascontiguousarray(_image(rng)))
    initial_a_from_b = None
    if rng.random() < 0.1:
        initial_a_from_b = [
            np.eye(3),
            rng.normal(0, 1, [3, 3]),
            np.zeros([3, 3]),
            np.full([3, 3], np.nan),
            1e300 * np.eye(3),
            np.eye(2),
            "identity",
        ][rng.integers(7)]
    return a, b, initial_a_from_b


def mutated(number, files):
    """Return one of some files, bytes, with bytes changed, lost, repeated or permuted."""
    rng = np.random.default_rng(number)
    data = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 9)):
        begin, end = sorted(rng.integers(0, len(data) + 1, 2))
        kind = rng.integers(5)
        if kind == 0:
            data[begin:end] = bytes(rng.integers(0, 256, min(end - begin, 8), np.uint8))
        elif kind == 1:
            del data[begin : min(end, begin + 64)]
        elif kind == 2:
            data[begin:begin] = data[begin : min(end, begin + 64)]
        elif data and kind == 3:
            data[min(begin, len(data) - 1)] ^= 1 << rng.integers(8)
        elif data:
            data[: min(64, len(data))] = rng.permutation(list(data[:64])).astype(np.uint8).tobytes()
    return bytes(data)


def check(estimator, number):
    """Run a case; fail unless it ends in a valid answer, a reason, or a useful `UserError`.

    Returns:
      "answered", "refused" or "no image".
    """
    a, b, initial_a_from_b = pair(number)
    try:
        result = estimator.estimate(a, b, initial_a_from_b=initial_a_from_b)
    except UserError as error:
        assert len(str(error)) > 20, number  # noqa: PT017
        return "no image"
    assert 0.0 <= result.confidence <= 1.0, number
    assert 0.0 <= result.overlap <= 1.0, number
    if not result:
        assert result.reason, number
        assert result.homography is None, number
        return "refused"
    assert np.isfinite(result.homography).all(), number
    assert np.isfinite(result.a_from_b).all(), number
    identity = result.a_from_b @ result.homography
    np.testing.assert_allclose(identity / identity[2, 2], np.eye(3), atol=1e-5, err_msg=f"{number}")
    return "answered"
