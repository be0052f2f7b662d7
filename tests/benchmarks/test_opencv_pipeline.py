"""The reference of the pipeline benchmark."""

import cv2
import numpy as np

from keras_homography import geometry
from keras_homography.benchmarks import opencv_pipeline
from keras_homography.data.pair_spec import PairSpec


def test_the_reference_makes_true_pairs(images, tmp_path):
    path = str(tmp_path / "image.png")
    cv2.imwrite(path, images[0])
    pair, h4pt = opencv_pipeline.make_pair(path, PairSpec(), np.random.default_rng(0))
    assert pair.shape == (128, 128, 2)
    a_from_b = geometry.matrix_from_h4pt(h4pt[None], 128).numpy()[0].astype(np.float64)
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    warped = cv2.warpPerspective(pair[..., 0], a_from_b, (128, 128), flags=flags, borderValue=-1e3)
    inside = warped >= 0
    assert inside.mean() > 0.3
    assert np.abs(pair[..., 1] - warped)[inside].mean() < 2.0
