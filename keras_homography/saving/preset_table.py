"""The table of presets: every shipped model, with its files, size, figures and license.

`saved_models/presets.json` holds what is written by hand, `manifest.json` beside it the checksums.
"""

import dataclasses
import functools
import json
import pathlib
from typing import Any

from keras_homography.saving import manifest
from keras_homography.utils import files

_FOLDER, _TABLE = "saved_models", "presets.json"


@dataclasses.dataclass(frozen=True)
class PresetFile:
    """A file of a preset.

    Attributes:
      name: in `saved_models`.
      bytes: its size.
      sha256: its checksum, 64 hexadecimal digits.
    """

    name: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Preset:
    """A shipped model.

    Attributes:
      name: for `load_pretrained` and `from_preset`.
      description: in a few words.
      architecture: one of `models.ARCHITECTURES`.
      input: shape and range of its input.
      output: its outputs.
      parameters: number of weights.
      files: that hold it.
      training_data: on which it was trained.
      figures: what was measured, by name.
      license: of the weights.
    """

    name: str
    description: str
    architecture: str
    input: str
    output: str
    parameters: int
    files: tuple[PresetFile, ...]
    training_data: str
    figures: dict[str, float]
    license: str


@functools.cache
def load() -> dict[str, Preset]:
    """Return the presets of this installation by name; none if its files are missing."""
    path = files.packaged_file(_FOLDER, _TABLE)
    if path is None:
        return {}
    listed = manifest.read_manifest(path.parent)
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {name: _preset(path.parent, name, entry, listed) for name, entry in entries.items()}


def _preset(
    folder: pathlib.Path, name: str, entry: dict[str, Any], listed: dict[str, str]
) -> Preset:
    present = [file for file in entry["files"] if file in listed]
    sized = tuple(PresetFile(f, (folder / f).stat().st_size, listed[f]) for f in present)
    return Preset(name=name, **(entry | {"files": sized}))


def model_card() -> str:
    """Return the table as Markdown, as the model card in `saved_models/README.md` shows it."""
    rows = ["| preset | what | files | parameters | trained on | figures | license |"]
    rows.append("|---|---|---|---:|---|---|---|")
    for preset in load().values():
        sizes = "<br>".join(
            f"`{file.name}` {file.bytes / 1e6:.1f} MB, SHA-256 {file.sha256}"
            for file in preset.files
        )
        figures = ", ".join(f"{name} {value:g}" for name, value in preset.figures.items()) or "–"
        rows.append(
            f"| `{preset.name}` | {preset.description}; {preset.input} → {preset.output} | {sizes} "
            f"| {preset.parameters:,} | {preset.training_data} | {figures} | {preset.license} |"
        )
    return "\n".join(rows)
