"""Protocols: named, frozen settings of the pairs that estimators are compared on.

Images are resized to the protocol's size without keeping their aspect ratio, patches are cut from
them, corner offsets are integers. `coco128` is what most papers after DeTone et al. 2016 report;
`paper256` is the test of that paper (section 5), at twice the scale: the errors of the two must not
be compared with each other.

Imports no TensorFlow: `--help` lists the names.
"""

import dataclasses
from typing import Any

from keras_homography.data.pair_spec import PairSpec
from keras_homography.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The settings of a comparison.

    Example:
      >>> protocol = dataclasses.replace(get_protocol("paper256"), paper_doubling=True)

    Attributes:
      name: of the protocol.
      spec: sizes and range of the pairs.
      network_size: side of the input of the usual networks; others take part, resized.
      published: MACE of DeTone et al. 2016 (section 5) at this scale, `{estimator: pixels}`.
      published_note: how these were obtained.
      paper_doubling: where patches have another size than a network's input, multiply its offsets
        by the ratio, as DeTone et al. 2016 do, instead of rescaling its matrix with half-pixel
        centers; a quarter of a pixel less exact on average.
    """

    name: str
    spec: PairSpec
    network_size: int
    published: dict[str, float]
    published_note: str
    paper_doubling: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the entry `protocol` of `metrics.json`."""
        return {
            "name": self.name,
            "width": self.spec.image_width,
            "height": self.spec.image_height,
            "patch_size": self.spec.patch_size,
            "rho": self.spec.rho,
            "network_size": self.network_size,
            "published": self.published,
            "published_note": self.published_note,
        }


# Protocols on whole images: real pairs with ground truth, and what fools an aligner.
IMAGE_PROTOCOLS = ("pairs", "traps")

PROTOCOLS = {
    "coco128": Protocol(
        name="coco128",
        spec=PairSpec(
            patch_size=128, rho=32, image_width=320, image_height=240, integer_offsets=True
        ),
        network_size=128,
        published={"HomographyNet (regression)": 4.6, "ORB + RANSAC": 5.85, "identity": 24.55},
        published_note="published at 256x256, rho 64, on COCO 2014 test; halved here to this scale",
    ),
    "paper256": Protocol(
        name="paper256",
        spec=PairSpec(
            patch_size=256, rho=64, image_width=640, image_height=480, integer_offsets=True
        ),
        network_size=128,
        published={"HomographyNet (regression)": 9.2, "ORB + RANSAC": 11.7, "identity": 49.1},
        published_note="published at this scale, on 5,000 images of COCO 2014 test",
    ),
}


def get_protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Args:
      name: a key of `PROTOCOLS`.

    Raises:
      UserError: there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise UserError(f"There is no protocol {name!r}; there are {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
