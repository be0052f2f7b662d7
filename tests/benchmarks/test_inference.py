"""The benchmark of one pair at a time, with estimators that cost nothing."""

import numpy as np

from keras_homography.benchmarks import inference
from keras_homography.evaluation import conditions, protocols
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.saving import networks, pretrained


class Pairs:
    """Two pairs of noise, for `ProtocolPairs`."""

    protocol = protocols.get_protocol("coco128")

    def collect(self, condition):
        patches = np.random.default_rng(0).integers(0, 256, [2, 128, 128, 2], np.uint8)
        return patches, np.zeros([2, 4, 2])


def test_every_estimator_is_timed_under_every_condition():
    shapes = set()

    def predict(patches):
        shapes.add(patches.shape)
        return np.zeros([len(patches), 4, 2])

    estimators = {name: EvaluatedEstimator(name, predict) for name in ("a", "b")}
    measured_conditions = [conditions.CLEAN, conditions.Condition("noise", 1.0)]
    results = list(inference.compare(estimators, Pairs(), measured_conditions, 1, 0.0))
    assert [result["case"] for result in results] == ["a", "b", "a, noise", "b, noise"]
    assert shapes == {(1, 128, 128, 2)}
    for result in results:
        assert (result["unit"], result["reference"]) == ("ms", "sift_ransac")
        assert result["value"] > 0
        assert result["ratio"] > 1  # than finding keypoints


def test_all_shipped_models_of_pairs_are_measured():
    shipped = inference._shipped_files()
    assert {"homography.keras", "homography.tflite"} <= set(shipped)
    assert all(path.name == name and path.is_file() for name, path in shipped.items())
    # The matcher, which takes one image, is none of them.
    for path in shipped.values():
        if path.suffix == ".tflite":
            assert networks.open_network(path).patch_size == 128
    names = {path.stem for path in shipped.values()}
    assert names == set(pretrained.shipped_models()) - {"matcher"}
