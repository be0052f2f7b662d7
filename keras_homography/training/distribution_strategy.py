"""Distribution strategies: CPU, GPUs of one machine, several machines (experimental)."""

from collections.abc import Sequence

import tensorflow as tf

from keras_homography.training.cluster import ALONE, Cluster
from keras_homography.utils.errors import UserError


def make_strategy(gpus: int, cluster: Cluster = ALONE) -> tf.distribute.Strategy:
    """Make the distribution strategy for a number of GPUs, on one machine or several.

    Args:
      gpus: GPUs of this machine: 0 for the CPU, 1 for the first GPU, more for exactly that many.
      cluster: From `cluster.find`; its workers have met.

    Returns:
      `MirroredStrategy` for more than one GPU, `MultiWorkerMirroredStrategy` for more than one
      worker, else `OneDeviceStrategy`.

    Raises:
      UserError: `gpus` is negative or more than are visible.
    """
    if len(cluster.workers) > 1:
        return _make_cluster_strategy(gpus, cluster)
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    _check_gpus(gpus, devices)
    if gpus == 0:
        return tf.distribute.OneDeviceStrategy("/device:CPU:0")
    if gpus == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices[:gpus])


def check_batch_size(batch_size: int, gpus: int, strategy: tf.distribute.Strategy) -> None:
    """Check that a batch can be divided among the devices of a strategy.

    Args:
      batch_size: Pairs in a batch, over all workers.
      gpus: Of each machine, for the message.
      strategy: From `make_strategy`.

    Raises:
      UserError: It cannot.
    """
    if batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch_size={batch_size} must be a multiple of the "
            f"{strategy.num_replicas_in_sync} devices, --gpus={gpus} on each machine."
        )


def is_of_cluster(strategy: tf.distribute.Strategy) -> bool:
    """Return whether a strategy spans several machines."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def distribute_batches(
    strategy: tf.distribute.Strategy, batches: tf.data.Dataset
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Return this worker's batches as `Model.fit` takes them under a strategy.

    Args:
      strategy: From `make_strategy`.
      batches: This worker's part of every batch.

    Returns:
      The same dataset on one machine, where Keras splits it; of a cluster a distributed dataset.
    """
    if not is_of_cluster(strategy):
        return batches
    devices = len(strategy.extended.worker_devices)
    part = tf.nest.flatten(batches.element_spec)[0].shape[0] // devices
    return strategy.distribute_datasets_from_function(
        lambda _: batches.rebatch(part) if devices > 1 else batches
    )


def _check_gpus(gpus: int, devices: Sequence[str]) -> None:
    if not 0 <= gpus <= len(devices):
        visible = f"{len(devices)}: {', '.join(devices)}" if devices else "none"
        raise UserError(
            f"--gpus={gpus}, but TensorFlow sees {visible}. Give a number from 0 (CPU) to "
            f"{len(devices)}. For GPUs, install keras-homography[gpu] and check `nvidia-smi`."
        )


def _make_cluster_strategy(gpus: int, cluster: Cluster) -> tf.distribute.Strategy:
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
