"""Initialization of a homography between two images by the network of patches."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid
from keras_homography.saving import networks


def from_network(network: networks.Network, pair: image_pyramid.ImagePair) -> np.ndarray | None:
    """Estimate a homography by a network, each image resized to one of its patches.

    Args:
      network: maps a pair of patches to corner offsets.
      pair: the images.

    Returns:
      `a_from_b`, float64 `[3, 3]`, pixels of the full images; None if the network's output is no
      homography.
    """
    size = network.patch_size
    patch_a, patch_from_a = _resized_patch(pair.pyramid_a, size)
    patch_b, patch_from_b = _resized_patch(pair.pyramid_b, size)
    patch_a_from_b = _predict(network, patch_a, patch_b)
    if patch_a_from_b is None:
        return None
    return arrays.normalize(np.linalg.inv(patch_from_a) @ patch_a_from_b @ patch_from_b)


def _resized_patch(pyramid: Sequence[np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image to a network's patch.

    Returns:
      `(patch, patch_from_image)`: uint8 `[size, size]`, and the matrix from pixels to pixels.
    """
    level = next((gray for gray in reversed(pyramid) if min(gray.shape) >= size), pyramid[0])
    method = cv2.INTER_AREA if min(level.shape) >= size else cv2.INTER_LINEAR
    patch = cv2.resize(level, (size, size), interpolation=method)
    return patch, arrays.resizing(arrays.image_size(pyramid[0]), (size, size))


def _predict(
    network: networks.Network, patch_a: np.ndarray, patch_b: np.ndarray
) -> np.ndarray | None:
    """Homography from pixels of patch B to pixels of patch A; None if it is not finite."""
    h4pt = network(networks.stack_patches(patch_a, patch_b))[0]
    if not np.isfinite(h4pt).all():
        return None
    corners = arrays.corners((network.patch_size, network.patch_size)).astype(np.float32)
    return cv2.getPerspectiveTransform(corners, corners + np.asarray(h4pt, np.float32))
