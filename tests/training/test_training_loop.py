"""Training in-process: devices, schedules, resume, an orderly end."""

import dataclasses
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert

from keras_homography import models
from keras_homography.data import batching, folder_source, pairs
from keras_homography.data.pair_spec import PairSpec
from keras_homography.saving import verified_export
from keras_homography.training import (
    callbacks,
    checkpointing,
    distribution_strategy,
    losses,
    mixed_precision,
    optimizers,
    trainable_model,
    training_loop,
    validation,
)

SPEC = PairSpec(patch_size=16, rho=4, image_width=80, image_height=60)


class Run:
    """A tiny run of training in `output_dir`, as the program sets it up."""

    def __init__(self, source, output_dir, **options):
        keras.utils.set_random_seed(0)
        model = models.build("homographynet", patch_size=16, rho=4, width=0.05, dropout=0.0)
        optimizer = optimizers.build_optimizer("adam", "constant", 1e-3, steps=1)
        self.model = trainable_model.compile_model(model, optimizer, "corner", rho=4, **options)
        self.checkpoints = checkpointing.Checkpoints(self.model, output_dir, batch_size=4)
        self.resumed_at = self.checkpoints.resume()
        self._source, self._output_dir = source, output_dir

    def fit(self, steps, batches=None):
        def default_batches(step):
            return batching.pair_batches(self._source, SPEC, seed=0, batch_size=4, start_step=step)

        held_out = batching.validation_batches(self._source, 6, SPEC)
        training_loop.fit(
            self.model,
            batches or default_batches,
            callbacks.Validation(validation.LabeledValidation(held_out, rho=4), self._output_dir),
            self.checkpoints,
            steps=steps,
            steps_per_round=4,
            output_dir=self._output_dir,
        )
        return self

    @property
    def weights(self):
        return np.concatenate([weight.ravel() for weight in self.model.get_weights()])


@pytest.fixture(scope="module")
def source(image_folder):
    return folder_source.FolderSource(image_folder, 60, 80, min_side=128)


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory):
    run = Run(source, tmp_path_factory.mktemp("undisturbed")).fit(10)
    run.last_weights = run.weights
    return run


def test_rounds_are_validated_and_recorded(undisturbed):
    history = undisturbed.checkpoints.history
    assert [entry["step"] for entry in history] == [4, 8, 10]
    assert [entry["pairs"] for entry in history] == [16, 32, 40]
    for entry in history:
        assert 0 < entry["val_median"] <= entry["val_p99"]
        assert entry["pairs_per_second"] > 0
        assert np.isfinite(entry["loss"])
    assert undisturbed.checkpoints.best_step in (4, 8, 10)


def test_best_weights_are_those_of_the_best_round(undisturbed):
    best = min(undisturbed.checkpoints.history, key=lambda entry: entry["val_mace"])
    assert undisturbed.checkpoints.best_step == best["step"]
    before = undisturbed.weights
    undisturbed.checkpoints.restore_best()
    if best["step"] == 10:
        np.testing.assert_array_equal(undisturbed.weights, before)
    else:
        assert not np.array_equal(undisturbed.weights, before)


@pytest.mark.parametrize("stop", [4, 6])
def test_a_resumed_run_ends_like_an_undisturbed_one(undisturbed, source, tmp_path, stop):
    """Stopped at the end of a round and in the middle of one."""
    Run(source, tmp_path).fit(stop)
    resumed = Run(source, tmp_path)
    assert resumed.resumed_at == stop
    resumed.fit(10)
    np.testing.assert_allclose(resumed.weights, undisturbed.last_weights, atol=1e-5)
    assert [entry["step"] for entry in resumed.checkpoints.history][-1] == 10
    assert resumed.model.optimizer.iterations == 10


def test_a_signal_saves_and_stops(source, tmp_path, monkeypatch):
    def send_at_third(_, batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(callbacks.Validation, "on_train_batch_end", send_at_third, raising=False)
    run = Run(source, tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(callbacks.StopRequestedError) as stop:
        run.fit(8)
    assert stop.value.args == (signal.SIGTERM,)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert run.checkpoints.step == 3
    assert Run(source, tmp_path).resumed_at == 3


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(source, tmp_path):
    run = Run(source, tmp_path)

    def batches(step):
        dataset = batching.pair_batches(source, SPEC, seed=0, batch_size=4, start_step=step)
        return dataset.enumerate().map(
            lambda i, batch: (batch[0], batch[1] * tf.where(i < 6, 1.0, np.nan))
        )

    with pytest.raises(callbacks.DivergedError):
        run.fit(12, batches)
    resumed = Run(source, tmp_path)
    assert resumed.resumed_at == 4
    assert np.isfinite(resumed.weights).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_resumes(source, tmp_path, policy):
    with mixed_precision.dtype_policy(policy):
        run = Run(source, tmp_path).fit(4)
        resumed = Run(source, tmp_path)
    assert keras.config.dtype_policy().name == "float32"
    assert run.model.get_layer("conv1").compute_dtype == policy.removeprefix("mixed_")
    assert np.isfinite(run.checkpoints.history[0]["loss"])
    np.testing.assert_array_equal(resumed.weights, run.weights)


def test_steps_in_one_execution_count_as_steps(source, tmp_path):
    plain = Run(source, tmp_path / "plain").fit(8)
    together = Run(source, tmp_path / "together", steps_per_execution=4).fit(8)
    assert [entry["step"] for entry in together.checkpoints.history] == [4, 8]
    np.testing.assert_allclose(together.weights, plain.weights, atol=1e-5)
    with pytest.raises(ValueError, match=r"steps \(10, from 8\) .* must be multiples"):
        together.fit(10)


def test_pairs_made_in_the_step_train_the_same(source, tmp_path):
    plain = Run(source, tmp_path / "host").fit(6)
    make = pairs.make_pair_fn(0, SPEC)

    def photo_batches(step):
        return batching.image_batches(source, seed=0, batch_size=4, start_step=step)

    device = Run(source, tmp_path / "device", make_pairs=make).fit(6, photo_batches)
    np.testing.assert_allclose(device.weights, plain.weights, atol=1e-5)


def test_segments_end_where_rounds_end():
    assert list(training_loop._segments(0, 10, 4)) == [(0, 2, 4), (2, 3, 2)]
    assert list(training_loop._segments(6, 17, 4)) == [(1, 2, 2), (2, 4, 4), (4, 5, 1)]
    assert list(training_loop._segments(8, 8, 4)) == []


def test_more_gpus_than_there_are_is_an_error_that_lists_them():
    count = len(tf.config.list_logical_devices("GPU"))
    with pytest.raises(ValueError, match=f"--gpus={count + 1}, but TensorFlow sees"):
        distribution_strategy.make_strategy(count + 1)


MIRRORED = """
import sys
import numpy as np, tensorflow as tf, keras
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 3)
from keras_homography import models
from keras_homography.data import batching, synthetic_source
from keras_homography.data.pair_spec import PairSpec
from keras_homography.training import distribution_strategy, optimizers, trainable_model
weights = []
for gpus in (1, 2):
    strategy = distribution_strategy.make_strategy(gpus, device_type="CPU")
    assert strategy.num_replicas_in_sync == gpus
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = models.build("homographynet", patch_size=16, rho=4, width=0.05, dropout=0.0)
        optimizer = optimizers.build_optimizer("sgd", "constant", 0.01, 1)
        model = trainable_model.compile_model(model, optimizer, "l2", rho=4)
    batches = batching.pair_batches(
        synthetic_source.SyntheticSource(40, 48), PairSpec(16, 4, 48, 40), seed=0, batch_size=8)
    model.fit(batches, steps_per_epoch=4, verbose=0, shuffle=False)
    weights.append(np.concatenate([np.ravel(w) for w in model.get_weights()]))
np.save(sys.argv[1], weights)
"""


def test_two_replicas_train_like_one(tmp_path):
    """`--gpus=2` with logical CPUs for GPUs: exactly two replicas, the same weights after."""
    subprocess.run([sys.executable, "-c", MIRRORED, str(tmp_path / "weights.npy")], check=True)
    np.testing.assert_allclose(*np.load(tmp_path / "weights.npy"), atol=1e-5)


def test_every_stage_of_a_cascade_is_trained(source, tmp_path):
    keras.utils.set_random_seed(0)
    spec = PairSpec(patch_size=32, rho=8, image_width=80, image_height=60)
    plain = models.build("cascade", patch_size=32, rho=8, width=0.3, fine_steps=2)
    optimizer = optimizers.build_optimizer("adam", "constant", 1e-3, steps=1, clip_norm=20.0)
    model = trainable_model.compile_model(plain, optimizer, "corner", rho=8)
    assert len(tf.nest.flatten(model.outputs)) == 1 + 3 * (1 + 2)  # the answer; coarse and fine
    before = {layer.name: layer.get_weights() for layer in plain.layers if layer.weights}
    checkpoints = checkpointing.Checkpoints(model, tmp_path, batch_size=8)
    held_out = validation.LabeledValidation(batching.validation_batches(source, 4, spec), rho=8)
    training_loop.fit(
        model,
        lambda step: batching.pair_batches(source, spec, seed=0, batch_size=8),
        callbacks.Validation(held_out, tmp_path),
        checkpoints,
        steps=4,
        steps_per_round=2,
        output_dir=tmp_path,
    )
    for name, weights in before.items():
        after = plain.get_layer(name).get_weights()
        assert any(not np.array_equal(a, b) for a, b in zip(weights, after, strict=True)), name
    assert [entry["step"] for entry in checkpoints.history] == [2, 4]
    assert all(np.isfinite(entry["loss"]) for entry in checkpoints.history)


@pytest.mark.parametrize("loss", ["cross_entropy", "corner"])
def test_the_classifier_learns_and_is_exported_with_its_probabilities(source, tmp_path, loss):
    keras.utils.set_random_seed(0)
    built = models.build("homographynet_classifier", patch_size=16, rho=4, width=0.1, dropout=0.0)
    model = trainable_model.compile_model(
        built, optimizers.build_optimizer("adam", "constant", 3e-3, 1), loss, 4
    )
    patches, h4pt = next(iter(batching.pair_batches(source, SPEC, seed=0, batch_size=8)))
    measured = [model.train_on_batch(patches, h4pt, return_dict=True)["loss"] for _ in range(60)]
    assert measured[-1] < 0.7 * measured[0]
    verified_export.export(built, tmp_path, patches.numpy())
    expected = built(patches, training=False)
    interpreter = litert.Interpreter(str(tmp_path / "model.tflite"))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], patches.numpy()[:1])
    interpreter.invoke()
    outputs = [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]
    for output, of_keras in zip(outputs, expected, strict=True):  # h4pt first
        np.testing.assert_allclose(output, of_keras[:1], atol=1e-4)
    refined = models.refine(built)(patches)
    assert [tuple(output.shape) for output in refined] == [(8, 4, 2), (8, 4, 2, 21)]


@pytest.mark.parametrize(
    ("name", "labeled"),
    [
        ("homographynet", True),
        ("homographynet", False),
        ("homographynet_classifier", False),
        ("cascade", False),
    ],
)
def test_patches_alone_teach_every_kind_of_model(source, name, labeled):
    """Labels are measured where there are any, and change nothing."""
    keras.utils.set_random_seed(0)
    options = {} if name == "cascade" else {"dropout": 0.0}
    built = models.build(name, patch_size=32, rho=4, width=0.2, **options)
    optimizer = optimizers.build_optimizer("adam", "constant", 1e-3, 1)
    model = trainable_model.compile_model(built, optimizer, "photometric", 4, labeled=labeled)
    spec = dataclasses.replace(SPEC, patch_size=32)
    patches, h4pt = next(iter(batching.pair_batches(source, spec, seed=0, batch_size=8)))
    before = losses.photometric(patches, tf.nest.flatten(built(patches, training=True))[0])
    batch = tf.data.Dataset.from_tensors((patches, h4pt) if labeled else (patches,)).repeat()
    history = model.fit(batch, steps_per_epoch=20, epochs=2, verbose=0).history
    assert ("corner_error" in history) == labeled
    assert history["loss"][1] < history["loss"][0]
    after = losses.photometric(patches, tf.nest.flatten(built(patches, training=True))[0])
    assert after.numpy().mean() < before.numpy().mean()


def test_a_loss_that_does_not_fit_the_model_is_refused():
    optimizer = optimizers.build_optimizer("adam", "constant", 1e-3, 1)
    with pytest.raises(ValueError, match="for a model with probabilities"):
        trainable_model.compile_model(
            models.build("mobile", patch_size=16), optimizer, "cross_entropy", 4
        )
