"""Keras's backend: parts of the package are written for TensorFlow and need that one."""

import importlib.util
import os
import sys


def keras_backend() -> str:
    """Return the name of the backend that Keras uses, or will use once it is imported."""
    keras = sys.modules.get("keras")
    if keras is not None:
        return keras.config.backend()
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def require_tensorflow(name: str) -> None:
    """Check that Keras runs on TensorFlow, and that TensorFlow is installed.

    Args:
      name: what needs it, for the message.

    Raises:
      ImportError: it does not, or it is not.
    """
    backend = keras_backend()
    if backend != "tensorflow":
        raise ImportError(
            f"{name} runs on TensorFlow, but the backend of Keras is {backend!r}: set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is imported."
        )
    if not importlib.util.find_spec("tensorflow"):
        raise ImportError(
            f"{name} needs TensorFlow, which is not installed: pip install tensorflow."
        )
