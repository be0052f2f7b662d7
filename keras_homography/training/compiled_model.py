"""`keras_homography.compile`: a network made ready for Keras's own `fit` and `evaluate`."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_homography import models
from keras_homography.layers import look_again
from keras_homography.training import keras_objects
from keras_homography.utils.errors import UserError

_LEARNING_RATE = 3e-4
_CLIP_NORM = 1.0
_RHOS = (40, 32, 16, 24, 48, 64, 80, 8)  # that a cascade may have been built with


def compile(
    model: keras.Model,
    optimizer: str | keras.optimizers.Optimizer | None = None,
    *,
    loss: str | keras.losses.Loss = "corner_distance",
    metrics: Sequence[Any] = ("corner_error", "corners_within"),
    **options: Any,
) -> keras.Model:
    """Compile a network with defaults that train, and return the model to train.

        model = keras_homography.compile(keras_homography.models.build("mobile"))
        dataset = keras_homography.data.pair_dataset("synthetic")
        model.fit(dataset, steps_per_epoch=1000, epochs=10)

    Args:
      model: of `models.build` or `load_pretrained`, a network of patches.
      optimizer: of Keras, or its name; None for Adam at 3e-4 with gradients clipped to a norm of 1.
      loss: of corner offsets, or its name: "corner_distance", "corner_l2".
      metrics: of corner offsets, or their names: "corner_error", "corners_within".
      **options: of `keras.Model.compile`.

    Returns:
      The model itself, compiled. Of a model that refines its answer, as the shipped one, the
      network behind it, a new model with the same weights: steps through refinement are slow and
      teach nothing. `models.refine(trained)` attaches refinement again.

    Raises:
      UserError: the model is no network of patches.
    """
    model = _without_refinement(model)
    output = model.outputs[0]
    if tuple(output.shape[1:]) != (4, 2):
        raise UserError(
            f"compile is for networks of patches, whose first output is h4pt, [n, 4, 2]; that of "
            f"{model.name} is {list(output.shape)}. The matcher is trained by `python -m "
            "keras_homography.train --flagfile=flags/matcher.flags`."
        )
    if optimizer is None:
        optimizer = keras.optimizers.Adam(_LEARNING_RATE, global_clipnorm=_CLIP_NORM)
    loss, measured = keras_objects.get_loss(loss), [keras_objects.get_metric(m) for m in metrics]
    others = [None] * (len(model.outputs) - 1)
    model.compile(
        optimizer,
        loss=[loss, *others] if others else loss,
        metrics=[measured, *others] if others else measured,
        **options,
    )
    return model


def _without_refinement(model: keras.Model) -> keras.Model:
    """The network behind a refined cascade; other models as they are."""
    refinements = [layer for layer in model.layers if isinstance(layer, look_again.LookAgain)]
    if not refinements:
        return model
    for rho in _RHOS:
        network = models.build("cascade", patch_size=model.input_shape[1], rho=rho)
        try:
            models.copy_weights(network, model)
        except UserError:
            continue
        return network
    raise UserError(
        f"The network behind the refinement of {model.name} is not known: build it by "
        "models.build, copy the weights by models.copy_weights, and compile that."
    )
