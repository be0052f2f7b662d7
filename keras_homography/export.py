"""Export a `.keras` model in other formats, and compare each file with the model.

    python -m keras_homography.export --model=runs/quickstart/model.keras
    python -m keras_homography.export --model=homography --formats=tflite,float16 --output_dir=phone

Leaves in `--output_dir`, as `--formats` asks: `model.keras`, `saved_model/`, `model.tflite`
(float32), `model_float16.tflite`, `model_int8.tflite`, `model.onnx` (only if it is asked for: needs
`pip install 'keras-homography[onnx]'`); and `parity.json`, how far each is from the
model on pairs of `--dataset`, or on its images if the model is a matcher. A file that differs from
the model is not written: for int8, where that is to be expected, it is only reported; else it is an
error.
"""

from typing import TYPE_CHECKING

from absl import flags

from keras_homography.saving.formats import FORMATS
from keras_homography.saving.model_export import ExportConfig, export_model
from keras_homography.utils import command_line, common_flags

if TYPE_CHECKING:
    import numpy as np

    from keras_homography.saving.signatures import Shape

_IMAGE_SIZE = 192  # pixels, of the images for a matcher; the other ones are two thirds as high

FLAGS = flags.FLAGS
flags.DEFINE_string("model", ExportConfig.model, "A .keras file, or the name of a shipped model.")
flags.DEFINE_list("formats", list(ExportConfig.formats), f"Any of {', '.join(FORMATS)}.")
common_flags.define_dataset(ExportConfig.dataset, "Of what to compare on; as in `train`.")
flags.DEFINE_integer(
    "pairs",
    ExportConfig.pairs,
    "How many pairs, or images of a matcher, to compare on.",
    lower_bound=1,
)
common_flags.define_trust_model()
common_flags.define_output_dir(ExportConfig.output_dir)


def main() -> None:
    """Export the model that the flags name."""
    config = ExportConfig(
        model=FLAGS.model,
        formats=tuple(FLAGS.formats),
        dataset=FLAGS.dataset,
        pairs=FLAGS.pairs,
        trust_model=FLAGS.trust_model,
        output_dir=FLAGS.output_dir,
    )
    export_model(config, lambda input_shape: _make_inputs(config, input_shape))


def _make_inputs(config: ExportConfig, input_shape: "Shape") -> "list[np.ndarray]":
    """Make the pairs to compare on, or images of two sizes for a model that takes any size."""
    if input_shape[1] is not None:
        return [_make_pairs(config, input_shape[1])]
    images = _make_pairs(config, _IMAGE_SIZE)[..., :1]
    wide = images[1::2, : 2 * _IMAGE_SIZE // 3]
    return [images[::2], wide] if len(wide) else [images]


def _make_pairs(config: ExportConfig, patch_size: int) -> "np.ndarray":
    """Make the pairs to compare on, float32 `[config.pairs, patch_size, patch_size, 2]`."""
    import numpy as np

    from keras_homography.data import batching, sources
    from keras_homography.data.pair_spec import PairSpec

    spec = PairSpec(
        patch_size=patch_size,
        rho=patch_size // 4,
        image_width=max(320, 8 * patch_size // 3),
        image_height=max(240, 2 * patch_size),
    )
    source = sources.open_source(
        config.dataset,
        "all",
        height=spec.image_height,
        width=spec.image_width,
        min_side=patch_size,
    )
    batches = batching.validation_batches(source, config.pairs, spec)
    return np.concatenate([patches.numpy() for patches, _ in batches])


if __name__ == "__main__":
    command_line.run(main)
