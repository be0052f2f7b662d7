"""The light network is light, and made of separable convolutions."""

import keras

from keras_homography import models


def test_convolutions_are_separable():
    model = models.build("mobile")
    assert model.count_params() == 933_032
    depthwise = [x for x in model.layers if isinstance(x, keras.layers.DepthwiseConv2D)]
    pointwise = [x for x in model.layers if x.name.startswith("pointwise") and hasattr(x, "kernel")]
    assert len(depthwise) == 7
    assert [layer.kernel_size for layer in pointwise] == [(1, 1)] * 7
    # A sixteenth of the patch: positions count, so there is no average over the image.
    assert model.get_layer("narrow_relu").output.shape == (None, 8, 8, 32)
