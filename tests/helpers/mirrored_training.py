"""Train on one and on two logical CPUs in the place of GPUs; run by `helpers.programs`.

    helpers.mirrored_training LOSS FILE

Writes the weights of both to FILE, `[2, n]`.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from helpers.tiny_runs import random_pairs, tiny_model

from keras_homography.training import distribution_strategy, optimizers, trainable_model


def weights_after_training(gpus, loss):
    strategy = distribution_strategy.make_strategy(gpus)
    assert strategy.num_replicas_in_sync == gpus
    with strategy.scope():
        optimizer = optimizers.build_optimizer("sgd", learning_rate=0.01)
        model = trainable_model.compile_model(tiny_model(), optimizer, loss=loss, rho=4)
    batches = tf.data.Dataset.from_tensor_slices(random_pairs()).batch(8).repeat()
    model.fit(batches, steps_per_epoch=4, verbose=0, shuffle=False)
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


def main(loss, path):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
    cpus = tf.config.list_logical_devices("CPU")
    tf.config.list_logical_devices = lambda kind=None: cpus
    keras.utils.set_random_seed(0)
    np.save(path, [weights_after_training(gpus, loss) for gpus in (1, 2)])


if __name__ == "__main__":
    main(*sys.argv[1:])
