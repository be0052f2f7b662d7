"""Configurations of `evaluate` and `calibrate`: what their flags say, and what Python users pass.

Imports no TensorFlow: programs build them before it is needed.
"""

import dataclasses

from keras_homography.evaluation import conditions, protocols
from keras_homography.utils.errors import UserError

PARTS = ("tune", "report")
ERRORS = ("points", "corners")
# Fields whose flags have other names.
_FLAG_NAMES = {"num_threads": "threads", "trust": "trust_model"}


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What to measure, on which pairs, and where to write it.

    Example:
      >>> config = EvaluateConfig(model=("homography", "sift_ransac"), dataset="synthetic")
      >>> rows = evaluation.run(config)["rows"]

    Attributes:
      model: names of estimators: see `evaluated_estimators.open_estimators`.
      dataset: TFDS name, folder of images (searched recursively), or "synthetic".
      data_dir: where TFDS keeps its files; None for its default.
      protocol: a name of `protocols.PROTOCOLS` or `protocols.IMAGE_PROTOCOLS`.
      paper_doubling: see `protocols.Protocol`.
      distortion: names of `conditions.NAMES`, or "all".
      strengths: of each distortion, above 0 to 2; 1 is the default level.
      pairs: how many; of protocol "pairs" the maximum of each kind.
      part: of protocol "pairs": "tune" or "report", a half of the pairs by a hash of their names;
        None for both.
      resize_short_side: of protocol "pairs": to which images are resized, in pixels; None for
        their own size.
      error: of protocol "pairs": "points" or "corners", see `labeled_pair_measurement`.
      matcher: of protocols "pairs" and "traps": shipped name or path of the matcher of
        `HomographyEstimator`.
      max_attempts: of the same protocols, of `HomographyEstimator`.
      seed: of images, pairs and distortions; None for the protocol's frozen sequence.
      num_threads: that each estimator may use; None for each library's default.
      trust: open models' files whatever they contain and wherever they come from.
      output_dir: folder that is replaced as a whole; None writes nothing.

    Raises:
      UserError: a name is unknown, or a number out of range.
    """

    model: tuple[str, ...] = ("all",)
    dataset: str = "coco/2017"
    data_dir: str | None = None
    protocol: str = "coco128"
    paper_doubling: bool = False
    distortion: tuple[str, ...] = (conditions.NO_DISTORTION,)
    strengths: tuple[float, ...] = (1.0,)
    pairs: int = 5000
    part: str | None = None
    resize_short_side: int | None = None
    error: str = "points"
    matcher: str = "matcher"
    max_attempts: int = 10
    seed: int | None = None
    num_threads: int | None = None
    trust: bool = False
    output_dir: str | None = "runs/evaluation"

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise UserError(f"max_attempts must be at least 1; got {self.max_attempts}.")
        if self.pairs < 1:
            raise UserError(f"pairs must be at least 1; got {self.pairs}.")
        self._check_choice("part", PARTS, optional=True)
        self._check_choice("error", ERRORS)
        if self.resize_short_side is not None and self.resize_short_side < 32:
            raise UserError(
                f"resize_short_side must be at least 32 pixels; got {self.resize_short_side}."
            )
        if self.protocol not in protocols.IMAGE_PROTOCOLS:
            self.get_protocol()
            self.get_conditions()
        self._refuse_flags_without_effect()

    def _check_choice(self, name: str, choices: tuple[str, ...], optional: bool = False) -> None:
        value = getattr(self, name)
        if value not in choices and not (optional and value is None):
            raise UserError(f"{name} must be {' or '.join(choices)}; got {value!r}.")

    def _refuse_flags_without_effect(self) -> None:
        """Raise `UserError` for a field that the protocol would ignore."""
        of_pairs = ("part", "resize_short_side", "error")
        of_images = ("matcher", "max_attempts")
        of_patches = ("paper_doubling", "distortion", "strengths")
        ignored = {
            "pairs": (*of_patches, "seed", "data_dir"),
            "traps": (*of_patches, *of_pairs, "pairs"),
        }.get(self.protocol, (*of_pairs, *of_images))
        for field in dataclasses.fields(self):
            if field.name in ignored and getattr(self, field.name) != field.default:
                raise UserError(
                    f"--{_FLAG_NAMES.get(field.name, field.name)} has no effect with "
                    f"--protocol={self.protocol}: leave it out."
                )

    def get_protocol(self) -> protocols.Protocol:
        """Return the protocol, with `paper_doubling` as configured."""
        protocol = protocols.get_protocol(self.protocol)
        return dataclasses.replace(protocol, paper_doubling=self.paper_doubling)

    def get_conditions(self) -> list[conditions.Condition]:
        """Return the conditions to measure under."""
        return conditions.combine(self.distortion, self.strengths)

    def as_flags(self) -> str:
        """Return the flags of `evaluate` that say the same, one a line, sorted: a flag file."""
        lines = []
        for field in dataclasses.fields(self):
            value, flag = getattr(self, field.name), _FLAG_NAMES.get(field.name, field.name)
            if isinstance(value, bool):
                lines.append(f"--{'' if value else 'no'}{flag}\n")
            elif isinstance(value, tuple):
                texts = (f"{v:g}" if isinstance(v, float) else v for v in value)
                lines.append(f"--{flag}={','.join(texts)}\n")
            elif value is not None:
                lines.append(f"--{flag}={value}\n")
        return "".join(sorted(lines))


@dataclasses.dataclass(frozen=True)
class CalibrateConfig:
    """What to fit the confidence on, and what to check it on.

    Attributes:
      dataset: to fit on, as in `EvaluateConfig`; None fits nothing.
      validation_dataset: to check the constants of `registration.confidence` on.
      pairs: how many of each kind, at least 2.
      labeled_pairs: folder of real pairs to fit to and to check on as well, laid out as for
        `evaluate --protocol=pairs`; None for none.
      output_dir: where the reliability diagram is written.

    Raises:
      UserError: there are too few pairs.
    """

    dataset: str | None = "synthetic"
    validation_dataset: str = "synthetic"
    pairs: int = 100
    labeled_pairs: str | None = None
    output_dir: str = "runs/calibration"

    def __post_init__(self) -> None:
        if self.pairs < 2:
            raise UserError(f"pairs must be at least 2; got {self.pairs}.")
