"""Conditions: a distortion and its strength, under which estimators are measured.

Imports no TensorFlow: `--help` lists the names.
"""

from collections.abc import Sequence
from typing import NamedTuple

from keras_homography.data import distortion_names
from keras_homography.utils.errors import UserError

NO_DISTORTION = distortion_names.NO_DISTORTION
NAMES = (NO_DISTORTION, *distortion_names.NAMES)


class Condition(NamedTuple):
    """A distortion at a strength.

    Attributes:
      distortion: one of `NAMES`.
      strength: of the distortion; 0 for "none".
    """

    distortion: str
    strength: float

    @property
    def label(self) -> str:
        """The condition in words, for tables and plots."""
        if self.distortion == NO_DISTORTION:
            return "clean"
        return f"{self.distortion} x{self.strength:g}"


CLEAN = Condition(NO_DISTORTION, 0.0)


def combine(names: Sequence[str], strengths: Sequence[float]) -> list[Condition]:
    """Combine distortions with strengths.

    Args:
      names: of `NAMES`; "all" is "none" and every distortion of its own kind, that is without
        "mixed".
      strengths: at which to apply each of them, in the order to measure; "none" has no strength.

    Returns:
      The conditions, distortion by distortion.

    Raises:
      UserError: a name is unknown or given twice, or a strength is out of range or given twice.
    """
    for name in names:
        if name not in (*NAMES, "all"):
            raise UserError(
                f"There is no distortion {name!r}; there are {', '.join(NAMES)}, and all."
            )
    expanded = [name for name in NAMES if name != "mixed"] if "all" in names else names
    combined = []
    for name in expanded:
        if name == NO_DISTORTION:
            combined.append(CLEAN)
            continue
        for strength in strengths:
            distortion_names.check(name, strength)
            combined.append(Condition(name, strength))
    if not combined:
        raise UserError("Nothing to measure under: give a distortion and a strength, or 'none'.")
    if len(set(combined)) < len(combined):
        raise UserError("A distortion or a strength is given twice.")
    return combined
