"""Makes pairs on other machines: a dispatcher, and workers that do what it hands out.

    python -m keras_homography.pair_service --port=5050
    python -m keras_homography.pair_service --port=5051 --dispatcher=grpc://host:5050
    python -m keras_homography.train --data_service=grpc://host:5050 ...

The first is the dispatcher; start as many of the second as it takes, on any machines that see the
photos under the same paths. Each runs until it is stopped.
"""

from absl import flags

from keras_homography.utils import command_line
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS


flags.DEFINE_integer("port", None, "To listen at.", lower_bound=1, upper_bound=65535, required=True)
flags.DEFINE_string("dispatcher", None, "Makes this a worker of it: grpc://host:port.")
flags.DEFINE_string("host", "localhost", "Under which the trainers reach this machine.")


def main():
    import tensorflow as tf

    from keras_homography.data import tf_data_service

    service = tf.data.experimental.service
    try:
        if FLAGS.dispatcher:
            server = service.WorkerServer(
                service.WorkerConfig(
                    dispatcher_address=tf_data_service.parse_address(FLAGS.dispatcher),
                    worker_address=f"{FLAGS.host}:{FLAGS.port}",
                    port=FLAGS.port,
                )
            )
        else:
            server = service.DispatchServer(service.DispatcherConfig(port=FLAGS.port))
    except tf.errors.OpError as error:
        raise UserError(f"Cannot start at port {FLAGS.port}: {error.message}") from None
    print(f"{'Worker' if FLAGS.dispatcher else 'Dispatcher'} at port {FLAGS.port}.", flush=True)
    server.join()


if __name__ == "__main__":
    command_line.run(main)
