"""The page that aligns two photos in the browser: no upload, no server but this one.

    python -m keras_homography.demo
    python -m keras_homography.demo --port=8000 --noopen
    python -m keras_homography.demo --single_file=homography.html
    python -m keras_homography.demo --site=public

Serves the page on 127.0.0.1, prints its address and opens a browser; Ctrl-C ends it. With
--single_file it writes the page as one HTML file instead, which runs from disk and can be sent
around; with --site as a folder for any static host.
"""

from absl import flags

from keras_homography.utils import command_line
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS

flags.DEFINE_integer(
    "port", None, "To listen at; by default one that is free.", lower_bound=1, upper_bound=65535
)
flags.DEFINE_bool("open", True, "Open a browser.")
flags.DEFINE_string("single_file", None, "Write the page to this HTML file instead.")
flags.DEFINE_string("site", None, "Write the page's files to this folder instead.")


def main() -> None:
    """Show or write the page."""
    # Imported once the flags are read: OpenCV would delay --help.
    from keras_homography.web import server, site_files

    if FLAGS.single_file is not None and FLAGS.site is not None:
        raise UserError("--single_file and --site exclude each other: give one of them.")
    if FLAGS.single_file is not None:
        site_files.write_single_file(FLAGS.single_file)
        print(FLAGS.single_file)
    elif FLAGS.site is not None:
        site_files.write_site(FLAGS.site)
        print(FLAGS.site)
    else:
        server.serve(FLAGS.port, FLAGS.open)


if __name__ == "__main__":
    command_line.run(main, tensorflow=False)
