"""Flags that several programs define: a program calls these functions beside its own flags.

A flag belongs to the program that calls the function: `--help` lists it with that program's, and
`command_line.resolved_flags` contains it.
"""

from absl import flags

# Otherwise every flag would count as this module's.
flags.disclaim_key_flags()


def define_dataset(
    default: str = "coco/2017",
    description: str = "TFDS name, folder of images (searched recursively), or 'synthetic'.",
) -> None:
    """Define `--dataset`, where images come from."""
    flags.DEFINE_string("dataset", default, description)


def define_data_dir() -> None:
    """Define `--data_dir`, where TensorFlow Datasets keeps its files."""
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps its datasets. Default: TFDS's own.")


def define_trust_model(
    description: str = "Open a model's file whatever it contains and wherever it comes from.",
) -> None:
    """Define `--trust_model`, which opens files of models that could run code."""
    flags.DEFINE_bool("trust_model", False, description)


def define_output_dir(default: str, description: str = "Where everything is written.") -> None:
    """Define `--output_dir`, a folder that the program creates if need be."""
    flags.DEFINE_string("output_dir", default, description)
