"""Distribution strategies: CPU, GPUs of one machine, several machines."""

import tensorflow as tf

from keras_homography.training import cluster
from keras_homography.utils.errors import UserError


def make_strategy(gpus, device_type="GPU", cluster=cluster.ALONE):
    """The distribution strategy for a number of GPUs, on one machine or several.

    Args:
      gpus: of this machine: 0 for the CPU, 1 for the first GPU, more for all of exactly that many.
      device_type: "GPU"; tests give "CPU", which can be split into logical devices.
      cluster: of `cluster.find`; its workers have met.

    Returns:
      `tf.distribute.Strategy`: for more than one GPU `MirroredStrategy`, for more than one worker
      `MultiWorkerMirroredStrategy`.

    Raises:
      ValueError: `gpus` is negative or more than are visible.
    """
    if len(cluster.workers) > 1:
        return _make_cluster_strategy(gpus, cluster)
    devices = [device.name for device in tf.config.list_logical_devices(device_type)]
    _check_gpus(gpus, devices)
    if gpus == 0:
        return tf.distribute.OneDeviceStrategy("/device:CPU:0")
    if gpus == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices[:gpus])


def _check_gpus(gpus, devices):
    if not 0 <= gpus <= len(devices):
        visible = f"{len(devices)}: {', '.join(devices)}" if devices else "none"
        raise UserError(
            f"--gpus={gpus}, but TensorFlow sees {visible}. Give a number from 0 (CPU) to "
            f"{len(devices)}. For GPUs, install keras-homography[gpu] and check `nvidia-smi`."
        )


def _make_cluster_strategy(gpus, cluster):
    # It takes all devices that it sees, and must be made before any of them is used.
    devices = tf.config.list_physical_devices("GPU")
    _check_gpus(gpus, [device.name for device in devices])
    tf.config.set_visible_devices(devices[:gpus], "GPU")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.task,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def is_of_cluster(strategy):
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def distribute_batches(strategy, batches):
    """This worker's batches as a strategy takes them: one machine's it splits by itself."""
    if not is_of_cluster(strategy):
        return batches
    devices = len(strategy.extended.worker_devices)
    part = tf.nest.flatten(batches.element_spec)[0].shape[0] // devices
    return strategy.distribute_datasets_from_function(
        lambda _: batches.rebatch(part) if devices > 1 else batches
    )
