"""Images, pairs and results that the tests of this folder share."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import synthetic_images
from keras_homography.evaluation import protocol_pairs, protocols
from keras_homography.evaluation.conditions import CLEAN
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.evaluation.results import Result


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of three usable images and one that is too small."""
    folder = tmp_path_factory.mktemp("images")
    for number, (height, width) in enumerate([(260, 300)] * 3 + [(90, 200)]):
        seed = tf.constant([7, number], tf.int64)
        image = synthetic_images.draw_image(seed, height, width).numpy()
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.fixture(scope="session")
def source(folder):
    """The images of `folder`, for `coco128`."""
    return protocol_pairs.open_source(protocols.get_protocol("coco128"), str(folder))


@pytest.fixture(scope="session")
def coco128_pairs(source):
    """The first 70 pairs: more than a batch."""
    return protocol_pairs.ProtocolPairs(protocols.get_protocol("coco128"), source, 70)


@pytest.fixture
def make_results():
    """A function from predictions `[n, 4, 2]` to results under some conditions."""

    def make(h4pt, conditions=(CLEAN,), name="mine"):
        h4pt_true = np.random.default_rng(0).uniform(-32, 32, [len(h4pt), 4, 2])
        estimator = EvaluatedEstimator(name, lambda patches: h4pt)
        return [
            Result(estimator, condition, h4pt_true, h4pt, np.ones(len(h4pt)))
            for condition in conditions
        ]

    return make
