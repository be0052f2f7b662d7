"""`PresetModel`: a network by the name of its preset, or from a folder of a user's own."""

import json
import os
import pathlib
from typing import TYPE_CHECKING, Any, ClassVar

from keras_homography.saving import loading, manifest, preset_table, pretrained
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

_MODEL, _PRESET = "model.keras", "preset.json"


class _Presets:
    """The table of presets as an attribute of the class, read when it is asked for."""

    def __get__(
        self, instance: object, owner: type | None = None
    ) -> dict[str, preset_table.Preset]:
        return preset_table.load()


class PresetModel:
    """A network and where it comes from, after the presets of KerasHub.

        network = keras_homography.PresetModel.from_preset("homography")
        h4pt = network(pairs)
        network.save_to_preset("my_preset")
        same = keras_homography.PresetModel.from_preset("my_preset")

    Args:
      model: a plain `keras.Model`.
      preset: the name, or the folder, that it comes from; None if it is new.

    Attributes:
      presets: the table of shipped models, name to `preset_table.Preset`.
      model: the `keras.Model`.
      preset: the name, or the folder, that it comes from.
    """

    presets: ClassVar[_Presets] = _Presets()

    def __init__(self, model: "keras.Model", preset: str | None = None) -> None:
        self.model, self.preset = model, preset

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Call the model."""
        return self.model(inputs, **options)

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], trust: bool = False) -> "PresetModel":
        """Load a shipped model, or one of `save_to_preset`.

        Args:
          preset: name of a shipped model, or the path of a folder.
          trust: open the folder's file whatever it contains, as of `load_model`.

        Returns:
          The model with its preset.

        Raises:
          UserError: there is no such preset, or the folder's model is not what its manifest lists.
        """
        name = os.fspath(preset)
        if name in preset_table.load():
            return cls(pretrained.load_pretrained(name), name)
        folder = pathlib.Path(name)
        path = folder / _MODEL
        if not path.is_file() or not (folder / _PRESET).is_file():
            names = ", ".join(preset_table.load())
            raise UserError(
                f"There is no preset {name!r}: give one of {names}, or a folder that "
                f"save_to_preset has written, with {_MODEL} and {_PRESET}."
            )
        if manifest.read_manifest(folder).get(_MODEL) != manifest.digest(path):
            raise UserError(
                f"{path} is not the file that {manifest.MANIFEST} lists: it was changed or damaged."
            )
        return cls(loading.load_model(path, trust), name)

    def save_to_preset(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder, as `from_preset` reads it.

        Args:
          folder: created if need be; files of others in it stay.

        Raises:
          UserError: the folder cannot be written to, or a file there is not one of ours.
        """
        folder = pathlib.Path(folder)
        files.check_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        manifest.check_replaceable(folder, [_MODEL, _PRESET])
        with manifest.replace(folder, _MODEL) as temporary:
            self.model.save(temporary)
        origin = preset_table.load().get(str(self.preset))
        content = {
            "schema_version": 1,
            "model": self.model.name,
            "parameters": self.model.count_params(),
            "from": self.preset,
            "license_of_origin": origin.license if origin else None,
        }
        with manifest.replace(folder, _PRESET) as temporary:
            files.write_text(temporary, json.dumps(content, indent=1) + "\n")
