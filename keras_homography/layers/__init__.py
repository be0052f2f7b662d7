"""Keras layers, all of which convert to built-in TFLite operators."""

from keras_homography.utils.keras_backend import require_tensorflow

require_tensorflow(__name__)
