"""Stitch photos taken from one place, or of one plane, to one panorama.

    python -m keras_homography.stitch photos/*.jpg
    python -m keras_homography.stitch photos/*.jpg --projection=cylindrical --output_dir=runs/square

Prints one JSON object to standard output: `reference` (the photo in the middle), `projection`,
`panorama_from_image` (of each photo the homography from its pixels to those of the panorama, 3x3;
with `--projection=cylindrical` its camera instead: `focal`, `center`, and `rotation` from the
camera's axes to those of the panorama), `left_out` (photos that do not belong, and why), `size`,
`scale`, `pairs`, `residual` (mean over the pairs of the median distance of matched points, pixels),
`cylinder` (`radius`, and where the line of sight straight ahead lies), `files`. Nothing else is
printed there.

Writes `panorama.jpg` to `--output_dir`. Exit code: 0; 3 if no two photos belong together; 2 for a
mistake in the command.
"""

import os

from absl import flags

from keras_homography.utils import command_line, common_flags

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # we say ourselves which file cannot be read
FLAGS = flags.FLAGS
_REFUSED = 3

flags.DEFINE_enum(
    "projection",
    "planar",
    ["planar", "cylindrical"],
    "Surface of the panorama: a plane, or, for wide fields from one place, a cylinder.",
)
flags.DEFINE_float("min_confidence", 0.5, "Pairs below it are not used.", 0.0, 1.0)
flags.DEFINE_float(
    "max_megapixels", 50.0, "Of the panorama; a larger one is shrunk.", lower_bound=0.01
)
common_flags.define_output_dir("runs/stitch", "Where the panorama is written.")
flags.DEFINE_integer("threads", None, "Of the networks. Default: LiteRT's own.", lower_bound=1)


def main(*photos: str) -> int:
    """Stitch the files named on the command line.

    Args:
      *photos: paths of images, or patterns of paths.

    Returns:
      The exit code.
    """
    # Imported once the flags are read: OpenCV would delay --help.
    from keras_homography.stitching import photo_stitching

    config = photo_stitching.StitchConfig(
        paths=photos,
        projection=FLAGS.projection,
        min_confidence=FLAGS.min_confidence,
        output_dir=FLAGS.output_dir,
        max_megapixels=FLAGS.max_megapixels,
        num_threads=FLAGS.threads,
    )
    return 0 if photo_stitching.run(config) else _REFUSED


if __name__ == "__main__":
    command_line.run(main, arguments=("PHOTO...",), tensorflow=False)
