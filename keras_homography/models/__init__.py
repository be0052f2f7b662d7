"""Architectures, one a file, and their registry: `models.build("cascade")`.

Importing this package does not import TensorFlow; building a model does.
"""

from keras_homography.models.registry import ARCHITECTURES as ARCHITECTURES
from keras_homography.models.registry import build as build
from keras_homography.models.registry import classifies as classifies
from keras_homography.models.registry import refine as refine
from keras_homography.models.weights import copy_weights as copy_weights
