"""Detectors of keypoints."""

import cv2
import numpy as np

from keras_homography.evaluation import opencv_features


def test_double_size_keeps_the_positions_of_keypoints(images):
    patch = images[0, :128, :128, 0]
    detector = cv2.ORB.create(nfeatures=300, fastThreshold=5, edgeThreshold=8, patchSize=16)
    plain, _ = detector.detectAndCompute(patch, None)
    doubled, descriptors = opencv_features.DoubleSizeDetector(detector).detectAndCompute(
        patch, None
    )
    assert len(doubled) == len(descriptors) > 100
    full, half = (np.array([k.pt for k in keypoints]) for keypoints in (plain, doubled))
    offsets = half[:, None] - full
    nearest = offsets[np.arange(len(half)), np.linalg.norm(offsets, axis=-1).argmin(axis=1)]
    close = nearest[np.linalg.norm(nearest, axis=-1) < 1.5]
    assert len(close) > 50
    np.testing.assert_allclose(np.median(close, axis=0), 0.0, atol=0.3)
