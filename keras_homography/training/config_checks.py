"""Which options of a training run contradict each other, by what it is trained on."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_homography.data import distortion_names
from keras_homography.models.matcher_grid import SIZE_MULTIPLE
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    from keras_homography.training.config import TrainConfig

# Options that apply only when pairs are generated from images.
_OF_GENERATED_PAIRS = (
    *("make_pairs_on", "data_service", "distortion"),
    *("pairs_per_image", "cache", "data_dir"),
)


def check_matcher(config: "TrainConfig") -> None:
    """Refuse what does not fit the matcher, or does not apply to its pairs.

    Args:
      config: Of a run that trains a matcher.

    Raises:
      UserError: An option does not fit.
    """
    if config.patch_size < SIZE_MULTIPLE or config.patch_size % SIZE_MULTIPLE:
        raise UserError(
            f"--patch_size must be a multiple of {SIZE_MULTIPLE} for --model=matcher; got "
            f"{config.patch_size}."
        )
    if min(config.image_size) < config.patch_size:
        raise UserError(
            f"--image_size must be at least --patch_size={config.patch_size}; got "
            f"{config.image_size[0]},{config.image_size[1]}."
        )
    if config.distortion not in ("none", distortion_names.SENSORS):
        raise UserError(
            f"--model=matcher takes --distortion=sensors, or none for pairs that differ in "
            f"light alone; got --distortion={config.distortion}."
        )
    if config.refine or config.make_pairs_on == "device" or config.data_service:
        raise UserError(
            "--model=matcher takes neither --refine nor --data_service nor "
            "--make_pairs_on=device: its pairs are made on the host."
        )


def check_unlabeled(config: "TrainConfig") -> None:
    """Refuse options that apply only when pairs are generated from images.

    Args:
      config: Of a run on unlabeled pairs.

    Raises:
      UserError: There is one of them.
    """
    _refuse(
        config,
        _OF_GENERATED_PAIRS,
        f"with --loss=photometric the pairs of {config.dataset} are used as they are",
    )


def check_labeled(config: "TrainConfig") -> None:
    """Refuse options that do not apply to labeled pairs of photos, or apply only to them.

    Args:
      config: Of any run.

    Raises:
      UserError: There is one of them.
    """
    if not 0.0 <= config.mix_synthetic < 1.0:
        raise UserError(
            f"--mix_synthetic must be a share from 0 to below 1; got {config.mix_synthetic:g}."
        )
    if config.max_residual <= 0.0:
        raise UserError(f"--max_residual must be above 0 pixels; got {config.max_residual:g}.")
    if config.mix_synthetic and not config.is_labeled:
        raise UserError(
            f"--mix_synthetic={config.mix_synthetic:g} is for folders of labeled pairs; "
            f"--dataset={config.dataset} holds none: no b_from_a.txt, points.txt, H_1_2 or H1to2p."
        )
    if not config.is_labeled:
        return
    names = ["make_pairs_on", "data_service", "cache"]
    if not config.mix_synthetic:
        names += ["distortion", "pairs_per_image"]
    _refuse(
        config, names, f"those of {config.dataset} are cut out of photos (or use --mix_synthetic)"
    )


def _refuse(config: "TrainConfig", names: Sequence[str], reason: str) -> None:
    """Raise a `UserError` for an option of generated pairs that is not its default."""
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    for name in names:
        value = getattr(config, name)
        if value != defaults[name]:
            raise UserError(
                f"--{name}={value} is for pairs that are generated from images; {reason}."
            )
