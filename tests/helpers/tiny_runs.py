"""The smallest training runs: a model of two layers, pairs of random gray levels."""

import keras
import numpy as np
import tensorflow as tf

from keras_homography.training import (
    callbacks,
    checkpointing,
    optimizers,
    trainable_model,
    training_loop,
    validation,
)
from keras_homography.training.config import TrainConfig

# Of a run that takes seconds, exports and all.
CONFIG = {
    "dataset": "synthetic",
    "model": "homographynet",
    "width": 0.05,
    "dropout": 0.0,
    "patch_size": 16,
    "rho": 4,
    "image_size": (48, 40),
    "batch_size": 4,
    "steps": 6,
    "steps_per_round": 4,
    "validation_pairs": 10,
    "schedule": "constant",
}


def tiny_config(output_dir, **options):
    return TrainConfig(**(CONFIG | options), output_dir=output_dir)


def tiny_model(patch_size=16):
    """Patches -> h4pt; batch normalization has a state of its own to restore."""
    keras.utils.set_random_seed(0)
    pairs = keras.Input([patch_size, patch_size, 2])
    values = keras.layers.Rescaling(1 / 255)(pairs)
    values = keras.layers.Conv2D(4, 3, strides=4, use_bias=False, name="convolution")(values)
    values = keras.layers.Flatten()(keras.layers.BatchNormalization(name="normalization")(values))
    h4pt = keras.layers.Dense(8, dtype="float32", name="offsets")(values)
    return keras.Model(pairs, keras.layers.Reshape([4, 2], dtype="float32", name="h4pt")(h4pt))


def random_pairs(count=40):
    """Patches and offsets; nothing but their number relates them."""
    rng = np.random.default_rng(0)
    patches = rng.uniform(0, 255, [count, 16, 16, 2]).astype(np.float32)
    return patches, rng.uniform(-4, 4, [count, 4, 2]).astype(np.float32)


def random_batches(step):
    """Endless batches of four pairs, from a step on."""
    return tf.data.Dataset.from_tensor_slices(random_pairs()).repeat().batch(4).skip(step)


class TinyRun:
    """A run of training in `output_dir`, as the program sets it up."""

    def __init__(self, output_dir, model=None, **options):
        optimizer = optimizers.build_optimizer("adam", learning_rate=1e-3)
        options = {"loss": "corner", "rho": 4} | options
        self.model = trainable_model.compile_model(model or tiny_model(), optimizer, **options)
        self.checkpoints = checkpointing.Checkpoints(self.model, output_dir, batch_size=4)
        self.resumed_at = self.checkpoints.resume()
        self._output_dir = output_dir

    def fit(self, steps, batches=random_batches, **options):
        patches, h4pt = random_pairs(6)
        validation_set = validation.LabeledValidation([(patches, h4pt)], rho=4)
        training_loop.fit(
            self.model,
            batches,
            callbacks.Validation(validation_set, self._output_dir),
            self.checkpoints,
            steps=steps,
            steps_per_round=4,
            output_dir=self._output_dir,
            **options,
        )
        return self

    @property
    def weights(self):
        return np.concatenate([weight.ravel() for weight in self.model.get_weights()])
