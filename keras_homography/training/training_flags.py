"""Flags of `train`, and their conversion to and from a `TrainConfig`."""

import dataclasses
from typing import Any

from absl import flags

from keras_homography.training import config
from keras_homography.training.config import TrainConfig
from keras_homography.utils.errors import UserError


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define a flag for every field of `TrainConfig`.

    Args:
      flag_values: Where they are defined.
    """
    types = config.field_types()
    for field in dataclasses.fields(TrainConfig):
        _define_flag(field, types[field.name], flag_values)


def _define_flag(field: "dataclasses.Field[Any]", kind: Any, flag_values: flags.FlagValues) -> None:
    default: Any = field.default
    text, among = field.metadata["description"], field.metadata["choices"]
    options: dict[str, Any] = {"flag_values": flag_values}
    if among:
        flags.DEFINE_enum(field.name, default, among, text, **options)
    elif kind is bool:
        flags.DEFINE_bool(field.name, default, text, **options)
    elif kind is int:
        minimum = field.metadata["minimum"]
        flags.DEFINE_integer(field.name, default, text, lower_bound=minimum, **options)
    elif kind is float:
        flags.DEFINE_float(field.name, default, text, **options)
    elif kind is str:
        flags.DEFINE_string(field.name, default, text, **options)
    else:
        flags.DEFINE_list(field.name, [str(item) for item in default], text, **options)


def config_from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> TrainConfig:
    """Return the configuration that parsed flags describe.

    Args:
      flag_values: Of `define_flags`, parsed.

    Raises:
      UserError: The flags contradict each other.
    """
    values: dict[str, Any] = {
        field.name: flag_values[field.name].value for field in dataclasses.fields(TrainConfig)
    }
    try:
        values["image_size"] = tuple(int(side) for side in values["image_size"])
    except ValueError:
        size = ",".join(values["image_size"])
        raise UserError(f"--image_size must be WIDTH,HEIGHT in pixels; got {size}.") from None
    return TrainConfig(**values)


def flags_text(train_config: TrainConfig) -> str:
    """Return a configuration as a flag file, which repeats the run as `--flagfile`.

    Args:
      train_config: Of the run.

    Returns:
      One `--name=value` a line, sorted; options that are None are left out.
    """
    lines = []
    for field in dataclasses.fields(train_config):
        value = getattr(train_config, field.name)
        if isinstance(value, bool):
            lines.append(f"--{'' if value else 'no'}{field.name}\n")
        elif isinstance(value, tuple):
            lines.append(f"--{field.name}={','.join(map(str, value))}\n")
        elif value is not None:
            lines.append(f"--{field.name}={value}\n")
    return "".join(sorted(lines))
