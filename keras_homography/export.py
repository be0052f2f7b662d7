"""Writes a `.keras` model for other places, and compares each file with the model.

    python -m keras_homography.export --model=runs/quickstart/model.keras
    python -m keras_homography.export --model=homography --formats=tflite,float16 --output_dir=phone

Leaves in `--output_dir`, as `--formats` asks: `model.keras`, `saved_model/`, `model.tflite`
(float32), `model_float16.tflite`, `model_int8.tflite`; and `parity.json`, how far each is from the
model on the pairs of `--dataset`. A file that does not hold what the model does is not written: for
int8, where that is to be expected, it is only reported; else it is an error.
"""

import json
import pathlib

from absl import flags

from keras_homography.saving import pretrained
from keras_homography.utils import command_line, environment, files
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS


_FILES = {
    "keras": "model.keras",
    "saved_model": "saved_model",
    "tflite": "model.tflite",
    "float16": "model_float16.tflite",
    "int8": "model_int8.tflite",
}
flags.DEFINE_string("model", "homography", "A .keras file, or the name of a shipped model.")
flags.DEFINE_list("formats", list(_FILES), "Any of keras, saved_model, tflite, float16, int8.")
flags.DEFINE_string("dataset", "synthetic", "Of the pairs to compare on; as in `train`.")
flags.DEFINE_integer("pairs", 64, "How many to compare on.", lower_bound=1)
flags.DEFINE_bool(
    "trust_model", False, "Open a model's file whatever it holds and wherever it comes from."
)
flags.DEFINE_string("output_dir", "runs/export", "Where everything is written.")


def _measure_size(path):
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def main():
    output_dir = pathlib.Path(FLAGS.output_dir)
    files.check_writable(output_dir)
    unknown = [name for name in FLAGS.formats if name not in _FILES]
    if unknown or not FLAGS.formats:
        raise UserError(
            f"--formats={','.join(FLAGS.formats)}: give some of {', '.join(_FILES)}, separated by "
            "commas."
        )
    path = pretrained.resolve_model(FLAGS.model)

    import keras

    from keras_homography.data import batching, sources
    from keras_homography.data.pair_spec import PairSpec
    from keras_homography.saving import loading, verified_export

    model = loading.load_model(path, FLAGS.trust_model)
    if model.dtype_policy.compute_dtype != "float32":
        raise UserError(f"{path} computes in {model.dtype_policy.compute_dtype}, not in float32.")
    size = model.input_shape[1]
    spec = PairSpec(
        patch_size=size,
        rho=size // 4,
        image_width=max(320, 8 * size // 3),
        image_height=max(240, 2 * size),
    )
    source = sources.open_source(
        FLAGS.dataset, "all", height=spec.image_height, width=spec.image_width, min_side=size
    )
    batches = batching.validation_batches(source, FLAGS.pairs, spec)
    output_dir.mkdir(parents=True, exist_ok=True)
    pairs = keras.ops.concatenate([patches for patches, _ in batches]).numpy()
    report = {}
    for name in FLAGS.formats:
        file = _FILES[name]
        try:
            (difference,) = verified_export.export(model, output_dir, pairs, [file]).values()
        except ValueError as error:
            if name != "int8":
                raise
            report[file] = {"written": False, "reason": str(error)}
            print(error)
            continue
        size_of_file = _measure_size(output_dir / file)
        report[file] = {"written": True, "largest_difference_px": difference, "bytes": size_of_file}
        print(f"{output_dir / file}  {size_of_file / 1e6:.2f} MB, within {difference:.1g} px")
    files.write_text(
        output_dir / "parity.json",
        json.dumps(
            {
                "schema_version": 1,
                "model": FLAGS.model,
                "dataset": FLAGS.dataset,
                "pairs": len(pairs),
                "files": report,
                "environment": environment.describe(),
            },
            indent=1,
        ),
    )


if __name__ == "__main__":
    command_line.run(main)
