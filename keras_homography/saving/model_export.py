"""Export a model file in other formats and report how far each is from the model."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_homography.saving import manifest, pretrained, signatures, verified_export
from keras_homography.saving.formats import DEFAULT_FORMATS, FORMATS
from keras_homography.utils import environment, files
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

_REPORT = "parity.json"
_Inputs: TypeAlias = npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Everything that decides an export; each field is the flag of the same name of `export`.

    Attributes:
      model: The path of a `.keras` file, or the name of a shipped model.
      formats: Keys of `formats.FORMATS`.
      dataset: Where the images come from, on which files are compared.
      pairs: How many pairs to compare on, or images of a matcher.
      trust_model: Open the model's file whatever it contains and wherever it comes from.
      output_dir: Of the files and of `parity.json`; it is created.

    Raises:
      UserError: A format is unknown, or none is given.
    """

    model: str = "homography"
    formats: tuple[str, ...] = DEFAULT_FORMATS
    dataset: str = "synthetic"
    pairs: int = 64
    trust_model: bool = False
    output_dir: str = "runs/export"

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown or not self.formats:
            raise UserError(
                f"--formats={','.join(self.formats)}: give some of {', '.join(FORMATS)}, "
                "separated by commas."
            )


def export_model(
    config: ExportConfig, make_inputs: Callable[[signatures.Shape], _Inputs]
) -> dict[str, dict[str, Any]]:
    """Export a model file as a configuration says, and write `parity.json`.

    Args:
      config: What to export, and where to.
      make_inputs: Function of the shape of the model's input that gives what to compare on, from
        `config.dataset`: pairs, float32 `[n, size, size, 2]`, or images of a matcher, several
        arrays float32 `[n, height, width, 1]`.

    Returns:
      `{file name: report}`; a report has `written`, and `largest_difference_px` (of a matcher
      `largest_difference`) and `bytes`, or the `reason` why an optional file was not written.

    Raises:
      UserError: The model cannot be opened or does not compute in float32, the folder cannot be
        written to, a file is there that the manifest does not list, or a
        file that is not optional differs from the model.
    """
    output_dir = pathlib.Path(config.output_dir)
    files.check_writable(output_dir)
    files.check_utf8(output_dir)
    names = [FORMATS[name].file_name for name in config.formats]
    manifest.check_replaceable(output_dir, [*names, _REPORT])
    path = pretrained.resolve_model(config.model)

    from keras_homography.saving import loading

    model = loading.load_model(path, config.trust_model)
    # Of the layers: a loaded model itself always says float32.
    dtypes = {layer.compute_dtype for layer in model.layers} - {"float32"}
    if dtypes:
        raise UserError(f"{path} computes in {' and '.join(sorted(dtypes))}, not in float32.")
    inputs = make_inputs(model.input_shape)
    output_dir.mkdir(parents=True, exist_ok=True)
    report = {
        FORMATS[name].file_name: _export_format(model, name, output_dir, inputs)
        for name in config.formats
    }
    content = {
        "schema_version": 1,
        "model": config.model,
        "dataset": config.dataset,
        signatures.of_model(model).items: (
            len(inputs) if isinstance(inputs, np.ndarray) else sum(map(len, inputs))
        ),
        "files": report,
        "environment": environment.describe(),
    }
    with manifest.replace(output_dir, _REPORT) as temporary:
        files.write_text(temporary, json.dumps(content, indent=1))
    return report


def _export_format(
    model: "keras.Model", name: str, output_dir: pathlib.Path, inputs: _Inputs
) -> dict[str, Any]:
    """Export one format, print how it went, and return its report."""
    try:
        (difference,) = verified_export.export(model, output_dir, inputs, [name]).values()
    except verified_export.ParityError as error:
        if not FORMATS[name].is_optional:
            raise
        print(error)
        return {"written": False, "reason": str(error)}
    path = output_dir / FORMATS[name].file_name
    size, signature = _measure_bytes(path), signatures.of_model(model)
    print(f"{path}  {size / 1e6:.2f} MB, within {signature.format(difference, 1)}")
    return {"written": True, signature.difference_key: difference, "bytes": size}


def _measure_bytes(path: pathlib.Path) -> int:
    """Add up the sizes of a file, or of all files in a folder."""
    members = [path] if path.is_file() else path.rglob("*")
    return sum(member.stat().st_size for member in members if member.is_file())
