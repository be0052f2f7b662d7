"""Write pairs as a user has them, without labels: folders of two images each.

    python tests/studies/unlabeled_pairs.py IMAGES FOLDER COUNT

The pairs are made of the images in a folder under different light, blur, noise and JPEG compression
("photometric"): 128x128 pixels, corner offsets of up to 32 pixels. The offsets are not written.
"""

import pathlib
import sys

import cv2
import keras
import numpy as np

from keras_homography.data import batching, distortions, sources
from keras_homography.data.pair_spec import PairSpec

_SEED = 20  # not that of validation or of a protocol


def main(image_folder, folder, count):
    """Write `count` pairs below `folder`."""
    spec = PairSpec()
    source = sources.open_source(
        image_folder,
        "all",
        height=spec.image_height,
        width=spec.image_width,
        min_side=spec.patch_size,
    )
    batches = batching.pair_batches(
        source,
        spec,
        seed=_SEED,
        batch_size=20,
        pairs_per_image=4,
        distort=distortions.get_distortion("photometric"),
    )
    progress = keras.utils.Progbar(int(count), unit_name="pair")
    pairs = (patches for batch, _ in batches for patches in batch.numpy().astype(np.uint8))
    for number, patches in zip(range(int(count)), pairs, strict=False):
        pair = pathlib.Path(folder) / f"{number:06d}"
        pair.mkdir(parents=True)
        for channel, name in enumerate("ab"):
            if not cv2.imwrite(str(pair / f"{name}.png"), patches[..., channel]):
                raise OSError(f"{pair} cannot be written.")
        progress.add(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
