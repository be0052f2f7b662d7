"""The matcher: sizes, features that do not depend on light, equivariance, its budget."""

import keras
import numpy as np
import pytest

from keras_homography import models
from keras_homography.models import matcher_grid
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def matcher():
    keras.utils.set_random_seed(0)
    return models.build("matcher", width=0.25)


@pytest.fixture(scope="module")
def image(images):
    return images[:1, :192, :256].astype(np.float32)


def test_outputs_are_named_and_sized_for_images_of_any_size(matcher):
    for height, width in ((32, 64), (96, 32), (160, 224)):
        outputs = matcher(np.full([2, height, width, 1], 90, np.float32))
        shapes = {name: tuple(value.shape) for name, value in outputs.items()}
        cells = height // matcher_grid.COARSE_STRIDE, width // matcher_grid.COARSE_STRIDE
        places = height // matcher_grid.FINE_STRIDE, width // matcher_grid.FINE_STRIDE
        assert shapes == {
            "coarse": (2, *cells, matcher_grid.COARSE_CHANNELS),
            "fine": (2, *places, matcher_grid.FINE_CHANNELS),
            "reliability": (2, *cells, 1),
        }
        assert all(np.isfinite(value).all() for value in outputs.values())


def test_brightness_and_contrast_of_the_whole_image_change_little(matcher, image):
    before, after = matcher(image), matcher(0.5 * image + 60.0)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=0.02)


def test_features_of_images_of_a_batch_do_not_depend_on_each_other(matcher, images):
    both = images[:2, :96, :96].astype(np.float32)
    together = matcher(both)
    for number in (0, 1):
        alone = matcher(both[number : number + 1])
        for name in alone:
            np.testing.assert_allclose(together[name][number], alone[name][0], atol=1e-4)


def test_features_move_with_the_image(matcher):
    """A shift by the coarsest stride shifts all features, away from the borders."""
    stride = matcher_grid.SIZE_MULTIPLE
    generator = np.random.default_rng(0)
    wide = generator.uniform(0, 255, [1, 512, 512 + stride, 1]).astype(np.float32)
    # The same brightness and contrast of both crops.
    wide[:, :, -stride:] = wide[:, :, :stride]
    left = matcher(wide[:, :, :-stride])["coarse"].numpy()
    right = matcher(wide[:, :, stride:])["coarse"].numpy()
    cells = stride // matcher_grid.COARSE_STRIDE
    border = 24  # cells, half of the receptive field and more
    shifted = left[:, border:-border, border + cells : -border]
    np.testing.assert_allclose(
        right[:, border:-border, border : -border - cells], shifted, atol=2e-3
    )


def test_it_stays_within_the_budget_of_a_phone():
    full = models.build("matcher")
    assert full.count_params() <= 1_500_000
    multiplications = 0
    for layer in full.layers:
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
            continue
        probe = keras.Model(full.input, layer.output)
        shape = probe.compute_output_shape((1, 480, 640, 1))
        if isinstance(layer, keras.layers.Conv2DTranspose):  # its kernel does not overlap
            multiplications += np.prod(layer.kernel.shape) * np.prod(shape[1:3]) // 4
        else:
            multiplications += np.prod(layer.kernel.shape) * np.prod(shape[1:3])
    assert 1e9 < 2 * multiplications <= 2.5e9


def test_a_width_that_is_not_positive_is_refused():
    with pytest.raises(UserError, match="width"):
        models.build("matcher", width=0.0)
