"""Fits the confidence of estimates and shows how well it holds on other photos.

    python -m keras_homography.calibrate --dataset=path/to/photos \\
        --validation_dataset=path/to/others

Prints the constants of `confidence.py`, and the Brier score, what is refused and what is wrong on
the other photos with the constants that are in place. Leaves `reliability.png` in `--output_dir`.
"""

import pathlib

from absl import flags

from keras_homography.utils import command_line, files

FLAGS = flags.FLAGS


flags.DEFINE_string("dataset", "synthetic", "To fit on; as in `train`. 'none' fits nothing.")
flags.DEFINE_string("validation_dataset", "synthetic", "To check on.")
flags.DEFINE_integer("pairs", 100, "Of each of the 15 kinds.", lower_bound=2)
flags.DEFINE_string("output_dir", "runs/calibration", "Where the picture is written.")


def main():
    files.check_writable(FLAGS.output_dir)

    import numpy as np

    from keras_homography.evaluation import calibration
    from keras_homography.registration import confidence
    from keras_homography.visualization import image_output, reliability_diagram

    if FLAGS.dataset != "none":
        _, evidence, errors = calibration.measure(FLAGS.dataset, FLAGS.pairs, seed=1)
        weights, bias = calibration.fit(evidence, errors)
        print(f"WEIGHTS = np.array({np.round(weights, 3).tolist()})\nBIAS = {bias:.3f}")

    kinds, evidence, errors = calibration.measure(FLAGS.validation_dataset, FLAGS.pairs, seed=2)
    probabilities = np.array([confidence.probability(each) for each in evidence])
    right = errors < calibration.RIGHT
    print(f"Brier score {np.mean((probabilities - right) ** 2):.4f} on {len(errors)} pairs")
    answered = probabilities >= 0.5
    print("| protocol | distortion | strength | B | refused | answered and over 3 px |")
    print("|---|---|---:|---|---:|---:|")
    for kind in dict.fromkeys(kinds):
        own = np.array([each == kind for each in kinds])
        refused, wrong = np.mean(~answered[own]), np.mean(answered[own] & ~right[own])
        print(f"| {' | '.join(map(str, kind))} | {refused:.1%} | {wrong:.1%} |")
    bins = calibration.reliability(probabilities, right)
    path = pathlib.Path(FLAGS.output_dir) / "reliability.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image_output.write_png(path, reliability_diagram.draw(bins))
    print(path)


if __name__ == "__main__":
    command_line.run(main)
