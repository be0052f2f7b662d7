"""Keras layers, all of which convert to built-in TFLite operators.

Importing this package registers them, so that `keras.models.load_model` opens files that have them.
"""

from keras_homography.utils.keras_backend import require_tensorflow

require_tensorflow(__name__)

from keras_homography.layers import correlation as correlation  # noqa: E402
from keras_homography.layers import homography_fit as homography_fit  # noqa: E402
from keras_homography.layers import look_again as look_again  # noqa: E402
from keras_homography.layers import lucas_kanade as lucas_kanade  # noqa: E402
from keras_homography.layers import patch_features as patch_features  # noqa: E402
