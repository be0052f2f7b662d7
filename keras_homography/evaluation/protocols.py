"""The pairs that results are compared on: named, frozen, the same on every machine.

A protocol is a size of photo, a size of patch and a reach of the corners. Photos are stretched to
its size first and patches are sampled from them then (`pairs.extract_patches`), offsets are whole
pixels, and pair `i` is a pure function of the seed and of `i`. `coco128` is what most papers after
DeTone et al. 2016 report; `paper256` is the test of that paper (section 5), at twice the scale:
errors of the two must not be compared with each other.
"""

import dataclasses

import numpy as np

from keras_homography.data import batching, distortions, sources
from keras_homography.data.pair_spec import PairSpec
from keras_homography.utils.errors import UserError

# The sequence of the reference pairs.
SEED = batching.VALIDATION_SEED
NO_DISTORTION = "none"


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Sizes in pixels.

    Attributes:
      name: of the protocol.
      width: to which photos are stretched.
      height: to which photos are stretched.
      patch_size: side of the patches.
      rho: the most that a corner moves along x and along y, in whole pixels.
      network_size: side of the input of a network; patches are resized to it by area.
      published: MACE of DeTone et al. 2016 (section 5) at this scale, `{estimator: pixels}`.
      published_note: how these were obtained.
    """

    name: str
    width: int
    height: int
    patch_size: int
    rho: int
    network_size: int
    published: dict[str, float]
    published_note: str


PROTOCOLS = {
    "coco128": Protocol(
        name="coco128",
        width=320,
        height=240,
        patch_size=128,
        rho=32,
        network_size=128,
        published={"HomographyNet (regression)": 4.6, "ORB + RANSAC": 5.85, "identity": 24.55},
        published_note="published at 256x256, rho 64, on COCO 2014 test; halved here to this scale",
    ),
    "paper256": Protocol(
        name="paper256",
        width=640,
        height=480,
        patch_size=256,
        rho=64,
        network_size=128,
        published={"HomographyNet (regression)": 9.2, "ORB + RANSAC": 11.7, "identity": 49.1},
        published_note="published at this scale, on 5,000 photos of COCO 2014 test",
    ),
}


def get(name):
    """A protocol by its name. Raises `ValueError` if there is none."""
    if name not in PROTOCOLS:
        raise UserError(f"There is no protocol {name!r}; there are {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def open_source(protocol, dataset, data_dir=None):
    """All photos of a dataset at the size of a protocol: `sources.open_source`.

    Photos in a folder with a side below the patch are skipped, and counted in `skipped`.
    """
    return sources.open_source(
        dataset,
        "all",
        height=protocol.height,
        width=protocol.width,
        min_side=protocol.patch_size,
        data_dir=data_dir,
    )


def conditions(names, strengths):
    """What to measure under.

    Args:
      names: of distortions; "none" is no distortion, "all" is "none" and every other by itself.
      strengths: at which to apply each of them, in the order to measure.

    Returns:
      `[(name, strength)]`, strength 0 for "none".

    Raises:
      ValueError: a name is unknown or twice there, or a strength is out of range or twice there.
    """
    known = (NO_DISTORTION, *distortions.NAMES)
    for name in names:
        if name not in (*known, "all"):
            raise UserError(
                f"There is no distortion {name!r}; there are {', '.join(known)}, and all."
            )
    found = []
    by_themselves = [name for name in known if name != "mixed"]
    for name in by_themselves if "all" in names else names:
        if name == NO_DISTORTION:
            found.append((name, 0.0))
        else:
            for strength in strengths:
                distortions.get_distortion(name, strength)
                found.append((name, strength))
    if not found:
        raise UserError("Nothing to measure under: give a distortion and a strength, or 'none'.")
    if len(set(found)) < len(found):
        raise UserError("A distortion or a strength is given twice.")
    return found


def batches(protocol, source, pairs, distortion=NO_DISTORTION, strength=1.0, seed=SEED):
    """The first pairs of a protocol under one condition.

    Args:
      protocol: of `get`.
      source: of `open_source`.
      pairs: how many.
      distortion: "none", or a name of `distortions.NAMES`.
      strength: of the distortion.
      seed: of photos, pairs and distortions.

    Yields:
      `(patches, h4pt)`: uint8 `[n, patch_size, patch_size, 2]`, gray levels, channel 0 patch A,
      channel 1 patch B; float32 `[n, 4, 2]`, pixels of the patch. The pairs do not depend on n.
    """
    batch_size = min(64, pairs)
    distort = (
        None if distortion == NO_DISTORTION else distortions.get_distortion(distortion, strength)
    )
    endless = batching.pair_batches(
        source,
        PairSpec(
            patch_size=protocol.patch_size,
            rho=protocol.rho,
            image_width=protocol.width,
            image_height=protocol.height,
            integer_offsets=True,
        ),
        seed=seed,
        batch_size=batch_size,
        distort=distort,
    )
    for patches, h4pt in endless.take(-(-pairs // batch_size)).as_numpy_iterator():
        count = min(len(h4pt), pairs)
        yield patches[:count].astype(np.uint8), h4pt[:count]
        pairs -= count
