"""Align two images: the homography between them, and pictures of how they fit.

    python -m keras_homography.predict a.jpg b.jpg
    python -m keras_homography.predict a.jpg b.jpg --panorama --output_dir=runs/graf
    python -m keras_homography.predict before.jpg after.jpg --agreement
    python -m keras_homography.predict a.jpg b.jpg --mask_b=robot.png
    python -m keras_homography.predict a.jpg b.jpg --planes
    python -m keras_homography.predict a.jpg 'frames/*.png'
    python -m keras_homography.predict a.jpg video.mp4

Prints to standard output one JSON object for a pair, or one a line for every frame: `ok`, `reason`
(a sentence) and `reason_code`, `confidence`, `overlap`, `b_from_a` and `a_from_b` (pixels to
pixels, null if not `ok`), `best_a_from_b` (also if not `ok`), `corners_of_b_in_a` and their
`covariance` (pixels²), `sizes`, `start`, `attempts`, `milliseconds`, `files`. Nothing else is
printed there. Of a frame that cannot be read only `frame`, `ok`, `reason` and `reason_code`
("unreadable"); the others are registered all the same.

Writes to `--output_dir`, for a pair: `aligned.png` (A in the frame of B), `overlay.png` (A red, B
cyan), `checkerboard.png`, `blink.gif`, and with `--panorama` `panorama.png`, both on one canvas;
with `--planes` `region_1.png` and so on, white where each of the `planes` of the JSON object is in
B; with `--matches` `matches.png`, matched points; with `--agreement` `agreement.png`, B in gray,
and red where aligned A does not agree with it.
For frames or a video: `stabilized.mp4`, every frame in the frame of A.

Exit code: 0; 3 if no reliable homography was found, nor a plane (of frames: for none of them); 2
for a mistake in the command.
"""

import os

from absl import flags

from keras_homography.utils import command_line, common_flags

# We say ourselves which file or frame cannot be read.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
FLAGS = flags.FLAGS
_REFUSED = 3

flags.DEFINE_string(
    "model",
    "homography",
    "A .tflite or .keras file, the folder of a SavedModel, or the name of a shipped model.",
)
flags.DEFINE_string("matcher", "matcher", "The same for the network that matches the images.")
flags.DEFINE_integer(
    "max_attempts",
    10,
    "Initializations before a pair is refused; 100 for views from far aside.",
    lower_bound=1,
)
common_flags.define_trust_model()
common_flags.define_output_dir("runs/predict", "Where pictures are written.")
flags.DEFINE_bool("pictures", True, "Write pictures, or a video, of the alignment.")
flags.DEFINE_bool("panorama", False, "Also write both images on one canvas.")
flags.DEFINE_bool("matches", False, "Also draw matched points of both images.")
flags.DEFINE_string("mask_a", None, "An image of the size of A, black where A does not count.")
flags.DEFINE_string("mask_b", None, "The same of B, or of every frame.")
flags.DEFINE_enum(
    "motion",
    "homography",
    ["translation", "similarity", "affine", "homography"],
    "What the motion is at most.",
)
flags.DEFINE_bool("agreement", False, "Also draw where the aligned images agree, and what changed.")
flags.DEFINE_bool("planes", False, "Also find several planes, each with its region of B.")
flags.DEFINE_integer(
    "max_side", 4096, "Of pictures, in pixels; larger ones are shrunk.", lower_bound=16
)
flags.DEFINE_float("min_confidence", 0.5, "Estimates below it are refused.", 0.0, 1.0)
flags.DEFINE_alias("least_confidence", "min_confidence")  # its name in 0.1
flags.DEFINE_integer("threads", None, "Of a TFLite file. Default: LiteRT's own.", lower_bound=1)


def main(image_a: str, image_b: str) -> int:
    """Align the files named on the command line.

    Args:
      image_a: path of an image.
      image_b: path of an image or video, or a pattern of paths of frames.

    Returns:
      The exit code.
    """
    # Imported once the flags are read: OpenCV would delay --help.
    from keras_homography.registration import file_alignment

    config = file_alignment.FileAlignmentConfig(
        image_a=image_a,
        image_b=image_b,
        model=FLAGS.model,
        trust_model=FLAGS.trust_model,
        min_confidence=FLAGS.min_confidence,
        num_threads=FLAGS.threads,
        output_dir=FLAGS.output_dir,
        pictures=FLAGS.pictures,
        panorama=FLAGS.panorama,
        matches=FLAGS.matches,
        agreement=FLAGS.agreement,
        planes=FLAGS.planes,
        motion=FLAGS.motion,
        mask_a=FLAGS.mask_a,
        mask_b=FLAGS.mask_b,
        matcher=FLAGS.matcher,
        max_attempts=FLAGS.max_attempts,
        max_side=FLAGS.max_side,
    )
    return 0 if file_alignment.run(config) else _REFUSED


if __name__ == "__main__":
    command_line.run(main, arguments=("A", "B"), tensorflow=False)
