"""Makes pairs on other machines: a dispatcher, and workers that do what it hands out.

    python -m keras_homography.pair_service --port=5050
    python -m keras_homography.pair_service --port=5051 --dispatcher=grpc://host:5050
    python -m keras_homography.train --data_service=grpc://host:5050 ...

The first is the dispatcher; start as many of the second as needed, on any machines that see the
images under the same paths. Each runs until it is stopped.
"""

from absl import flags

from keras_homography.utils import command_line

FLAGS = flags.FLAGS


flags.DEFINE_integer("port", None, "To listen at.", lower_bound=1, upper_bound=65535, required=True)
flags.DEFINE_string("dispatcher", None, "Makes this a worker of it: grpc://host:port.")
flags.DEFINE_string("host", "localhost", "Under which the trainers reach this machine.")


def main() -> None:
    """Run the program."""
    from keras_homography.data import tf_data_service

    tf_data_service.serve(FLAGS.port, FLAGS.dispatcher, FLAGS.host)


if __name__ == "__main__":
    command_line.run(main, handle_sigterm=False)  # gRPC waits outside of Python
