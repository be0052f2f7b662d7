"""Callbacks without a training run."""

import keras
import numpy as np
import pytest
from helpers.tiny_runs import random_pairs, tiny_model

from keras_homography.training import callbacks, validation


def test_throughput_is_the_mean_over_the_round(monkeypatch):
    times = iter([0.0, 2.0, 4.0])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(times))
    throughput, logs = callbacks.Throughput(batch_size=8), {}
    throughput.on_epoch_begin(0)
    throughput.on_train_batch_end(0, logs)
    assert logs == {"pairs_per_second": 4.0}
    throughput.on_train_batch_end(4, logs)  # several steps in one execution
    logs = {}
    throughput.on_epoch_end(0, logs)
    assert logs == {"pairs_per_second": 10.0}


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_an_error(loss):
    callback = callbacks.RaiseOnDivergence()
    callback.on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(callbacks.DivergedError):
        callback.on_train_batch_end(1, {"loss": loss})


def test_validation_writes_a_picture_and_adds_its_figures(tmp_path):
    patches, h4pt = random_pairs(70)  # more than a batch of them
    callback = callbacks.Validation(validation.LabeledValidation([(patches, h4pt)], 4), tmp_path)
    model, logs = tiny_model(), {"loss": 1.0}
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    expected = np.linalg.norm(model.predict(patches, verbose=0) - h4pt, axis=-1).mean()
    assert logs["val_mace"] == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] == 1.0
    picture = keras.utils.load_img(tmp_path / "validation.png")
    assert picture.size[0] > 0
    assert list((tmp_path / "logs").glob("events*"))
