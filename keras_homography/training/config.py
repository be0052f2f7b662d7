"""Configuration of a training run: one field for every flag of `train`.

Imports no TensorFlow: `python -m keras_homography.train --help` need not wait for it.
"""

import dataclasses
import functools
import operator
import os
import typing
from typing import Any

from keras_homography.data import distortion_names, labeled_pairs
from keras_homography.data.pair_spec import PairSpec
from keras_homography.models import registry
from keras_homography.training import choices, config_checks
from keras_homography.utils.errors import UserError


def _option(
    default: Any, description: str, *, among: tuple[str, ...] = (), minimum: int | None = None
) -> Any:
    """Declare a field: its default, the help of its flag, its choices, its lowest value."""
    metadata = {"description": description, "choices": among, "minimum": minimum}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run; each field is the flag of the same name.

    `python -m keras_homography.train --help` describes the fields.

    Example:
      >>> from keras_homography import training
      >>> config = training.TrainConfig(dataset="synthetic", model="cascade", steps=100)
      >>> result = training.run(config)

    Raises:
      UserError: A value is of the wrong type or out of its range, or values contradict each other.
    """

    # Data.
    dataset: str = _option(
        "coco/2017",
        "TFDS name, folder of images (searched recursively), or 'synthetic'. A folder with "
        "b_from_a.txt, points.txt, HPatches or Oxford sequences holds labeled pairs of photos. "
        "With --loss=photometric a folder or file holds unlabeled pairs: frames, a video, or a "
        "folder of folders with two images each.",
    )
    validation_dataset: str = _option(
        "",
        "The same, for validation. Empty: a held-out part of --dataset; of labeled pairs, every "
        "fifth scene.",
    )
    data_dir: str | None = _option(None, "Where TFDS keeps its datasets. Default: TFDS's own.")
    cache: str = _option(
        "auto",
        "Where decoded images are kept: 'memory'; the path of a folder, which later runs use too; "
        "'none' to decode them every time; 'auto' is memory for a folder of images, none for TFDS.",
    )
    data_service: str | None = _option(
        None, "Generate the pairs on a tf.data service: grpc://host:port of its dispatcher."
    )
    make_pairs_on: str = _option(
        "host",
        "'device' warps the images within the training step, on the GPU; the host only decodes.",
        among=choices.PAIR_MAKERS,
    )
    patch_size: int = _option(128, "Side of a patch, in pixels.")
    rho: int = _option(32, "Largest corner offset along x and along y, in pixels.")
    image_size: tuple[int, int] = _option(
        (320, 240), "WIDTH,HEIGHT that images are resized to, in pixels."
    )
    pairs_per_image: int = _option(8, "Pairs generated from an image each time it is read.")
    distortion: str = _option(
        "none",
        "Distortion of the training patches: light, occlusion, noise, blur; 'sensors', for "
        "--model=matcher, renders them by imagined sensors.",
        among=("none", *distortion_names.NAMES, distortion_names.SENSORS),
    )
    mix_synthetic: float = _option(
        0.0, "With labeled pairs: share, below 1, of pairs from generated images in every batch."
    )
    max_residual: float = _option(
        3.0,
        "With points.txt: pairs whose fitted homography is further off on average are left out, "
        "in pixels of the reduced image B.",
    )
    # Model.
    model: str = _option("homographynet", f"Architecture: {', '.join(registry.ARCHITECTURES)}.")
    width: float = _option(1.0, "Factor on the number of channels.")
    dropout: float | None = _option(None, "Dropout rate. Default: the architecture's.")
    reduction: int = _option(
        1, "Of --model=homographynet: patches are reduced by this factor first.", minimum=1
    )
    initial_weights: str | None = _option(
        None,
        "A .keras file to take the initial weights from, or the name of a shipped model. Its "
        "patches may be a half, a third, ... as large.",
    )
    trust_model: bool = _option(
        False, "Open --initial_weights whatever the file contains and wherever it comes from."
    )
    refine: bool = _option(False, "Export the model with Lucas-Kanade refinement appended.")
    # Optimization.
    steps: int = _option(90_000, "Training steps of the whole run, a batch each.", minimum=1)
    batch_size: int = _option(64, "Pairs in a batch, over all GPUs and workers.", minimum=1)
    loss: str = _option(
        "corner",
        "'corner': mean corner distance. 'l2': the paper's. 'cross_entropy': for "
        "homographynet_classifier. 'photometric': needs no labels. 'matching': for matcher.",
        among=choices.LOSSES,
    )
    optimizer: str = _option("adam", "'sgd' has a momentum of 0.9.", among=choices.OPTIMIZERS)
    learning_rate: float = _option(5e-4, "The highest learning rate.")
    schedule: str = _option(
        "cosine",
        "Of the learning rate: 'step' divides it by 10 every --decay_steps; 'cosine' decays to 0 "
        "at --steps.",
        among=choices.SCHEDULES,
    )
    decay_steps: int = _option(30_000, "Steps between decays of --schedule=step.", minimum=1)
    warmup_steps: int = _option(0, "Steps of linear warm-up of --schedule=cosine.", minimum=0)
    clip_norm: float | None = _option(None, "Largest global gradient norm. Default: no limit.")
    # Devices and speed.
    gpus: int = _option(0, "GPUs of this machine to train on; 0 is the CPU.", minimum=0)
    workers: tuple[str, ...] = _option(
        (), "Experimental. To train on several machines: host:port of all, the same on each."
    )
    task: int | None = _option(
        None, "Index of this machine among --workers, from 0. Default: from TF_CONFIG."
    )
    allow_network: bool = _option(
        False,
        "Let --workers open their ports to other machines. TensorFlow runs any graph that reaches "
        "such a port, without authentication: only in a private network.",
    )
    mixed_precision: str = _option(
        "none",
        "Compute type of the hidden layers; 'auto' is bfloat16 where the device computes in it.",
        among=choices.PRECISIONS,
    )
    jit_compile: bool = _option(False, "Compile the training step with XLA.")
    steps_per_execution: int = _option(
        1, "Steps that a device runs in one call from Python.", minimum=1
    )
    profile: bool = _option(False, "Profile steps 10 to 20, into logs/.")
    deterministic: bool = _option(
        False, "Use deterministic operators only: a run repeats bit for bit, more slowly."
    )
    # The run.
    seed: int = _option(0, "Random seed of weights, order of images, and pairs.")
    validation_pairs: int = _option(512, "Pairs to validate on.", minimum=1)
    steps_per_round: int = _option(1000, "Steps between validations.", minimum=1)
    output_dir: str = _option(
        "runs/homographynet", "Where everything is written; the same folder again resumes."
    )

    def __post_init__(self) -> None:
        types = field_types()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                value = _convert(field.name, types[field.name], value)
                _check_range(field, value)
                object.__setattr__(self, field.name, value)
        if self.make_pairs_on == "device" and self.distortion != "none":
            raise UserError(
                f"--make_pairs_on=device cannot apply --distortion={self.distortion}: JPEG "
                "compression runs on the CPU. Use --make_pairs_on=host, or --distortion=none."
            )
        if self.is_matcher != (self.loss == "matching"):
            raise UserError(
                f"--loss=matching and --model=matcher belong together; got --loss={self.loss} and "
                f"--model={self.model}."
            )
        if self.is_matcher:
            config_checks.check_matcher(self)
        elif self.distortion == distortion_names.SENSORS:
            raise UserError(
                f"--distortion=sensors is for --model=matcher; got --model={self.model}."
            )
        elif self.is_unlabeled:
            config_checks.check_unlabeled(self)
        else:
            _ = self.spec  # raises if the sizes do not fit together
        config_checks.check_labeled(self)

    @property
    def spec(self) -> PairSpec:
        """Sizes and range of the pairs that are generated from images."""
        width, height = self.image_size
        return PairSpec(self.patch_size, self.rho, width, height)

    @property
    def is_unlabeled(self) -> bool:
        """Whether the dataset is a user's unlabeled pairs, used as they are."""
        exists = self.dataset != "synthetic" and os.path.exists(self.dataset)
        return self.loss == "photometric" and exists

    @functools.cached_property
    def is_labeled(self) -> bool:
        """Whether the dataset is a folder of labeled pairs of photos."""
        return not self.is_unlabeled and labeled_pairs.holds_labeled_pairs(self.dataset)

    @property
    def is_matcher(self) -> bool:
        """Whether a matcher is trained: on pairs with the range of two photos, not of corners."""
        return self.model == "matcher"


def field_types() -> dict[str, Any]:
    """Return the type of every field of `TrainConfig`; of optional ones without None."""
    hints = typing.get_type_hints(TrainConfig)
    return {
        name: typing.get_args(hint)[0] if type(None) in typing.get_args(hint) else hint
        for name, hint in hints.items()
    }


def _convert(name: str, kind: Any, value: Any) -> Any:
    """Convert a value to the type of its field, as flags do: `0` to `0.0`, a path to `str`."""
    try:
        if name == "image_size":
            width, height = map(operator.index, value)
            return width, height
        if typing.get_origin(kind) is tuple and not isinstance(value, str):
            return tuple(map(str, value))
        if kind is bool and isinstance(value, bool):
            return value
        if kind is str:
            return str(os.fspath(value))
        if kind in (int, float) and not isinstance(value, (bool, str)):
            return operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError):
        pass
    wanted = "WIDTH,HEIGHT in pixels" if name == "image_size" else getattr(kind, "__name__", kind)
    raise UserError(f"--{name} must be {wanted}; got {value!r}.")


def _check_range(field: "dataclasses.Field[Any]", value: Any) -> None:
    among, minimum = field.metadata["choices"], field.metadata["minimum"]
    if among and value not in among:
        raise UserError(f"--{field.name} must be one of {', '.join(among)}; got {value!r}.")
    if minimum is not None and value < minimum:
        raise UserError(f"--{field.name} must be at least {minimum}; got {value}.")
