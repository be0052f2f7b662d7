"""Makes pairs on other machines; only in a private network.

Whoever reaches its port can read and write files as the user who started it: TensorFlow's data
service runs any graph that it is sent, without authentication or encryption, and listens at all
addresses of the machine. So it starts only with --allow_network, which says that no one else
reaches the port: in a container network, behind a firewall (with an ssh tunnel) or a NetworkPolicy.
keras_homography/data/README.md has the commands.

    python -m keras_homography.pair_service --port=5050 --allow_network
    python -m keras_homography.pair_service --port=5051 --allow_network --dispatcher=grpc://host:5050
    python -m keras_homography.train --data_service=grpc://host:5050 ...

The first is the dispatcher; start as many of the second, the workers, as needed, on any machines
that see the images under the same paths. Each runs until it is stopped.
"""

from absl import flags

from keras_homography.utils import command_line

FLAGS = flags.FLAGS


flags.DEFINE_integer("port", None, "To listen at.", lower_bound=1, upper_bound=65535)
flags.DEFINE_string("dispatcher", None, "Makes this a worker of it: grpc://host:port.")
flags.DEFINE_string("host", "localhost", "Under which the trainers reach this machine.")
flags.DEFINE_bool(
    "allow_network",
    False,
    "The network is trusted: everybody who reaches the port may run code as this user.",
)


def main() -> None:
    """Run the program."""
    from keras_homography.data import tf_data_service

    tf_data_service.serve(FLAGS.port, FLAGS.dispatcher, FLAGS.host, FLAGS.allow_network)


if __name__ == "__main__":
    flags.mark_flag_as_required("port")
    command_line.run(main, handle_sigterm=False)  # gRPC waits outside of Python
