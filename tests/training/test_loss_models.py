"""Every kind of architecture learns by every kind of loss, in all of its parts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import models
from keras_homography.data import batching, sources
from keras_homography.data.pair_spec import PairSpec
from keras_homography.training import losses, optimizers, trainable_model
from keras_homography.utils.errors import UserError

SPEC = PairSpec(patch_size=32, rho=4, image_width=80, image_height=60)


@pytest.fixture(scope="module")
def batch(image_folder):
    """Eight pairs: `(patches, h4pt)`."""
    source = sources.open_source(str(image_folder), "all", height=60, width=80, min_side=32)
    return next(iter(batching.pair_batches(source, SPEC, seed=0, batch_size=8)))


def compile_model(name, loss, learning_rate=1e-3, labeled=True, **options):
    keras.utils.set_random_seed(0)
    built = models.build(name, patch_size=32, rho=4, **options)
    optimizer = optimizers.build_optimizer("adam", learning_rate=learning_rate, clip_norm=20.0)
    model = trainable_model.compile_model(built, optimizer, loss=loss, rho=4, labeled=labeled)
    return built, model


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("corner", 1 + 2 * 3), ("photometric", 2)],  # the answer, and all of each stage; the corners
)
def test_every_stage_of_a_cascade_is_trained(batch, loss, outputs):
    """A coarse and a fine stage; one eager step, as tracing takes much longer."""
    built, model = compile_model("cascade", loss, width=0.3, fine_steps=1)
    assert len(tf.nest.flatten(model.outputs)) == outputs
    before = {layer.name: layer.get_weights() for layer in built.layers if layer.weights}
    model.run_eagerly = True
    logs = model.train_on_batch(*batch, return_dict=True)
    assert set(logs) == {"loss", "corner_error"}
    assert np.isfinite(list(logs.values())).all()
    for name, weights in before.items():
        after = built.get_layer(name).get_weights()
        assert any(not np.array_equal(a, b) for a, b in zip(weights, after, strict=True)), name


@pytest.mark.long
@pytest.mark.parametrize("loss", ["cross_entropy", "corner"])
def test_the_classifier_learns_by_its_probabilities_and_by_its_corners(batch, loss):
    _, model = compile_model(
        "homographynet_classifier", loss, learning_rate=3e-3, width=0.05, dropout=0.0
    )
    measured = [model.train_on_batch(*batch, return_dict=True) for _ in range(40)]
    assert measured[-1]["loss"] < 0.8 * measured[0]["loss"]
    assert all(0 < logs["corner_error"] < 16 for logs in measured)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "labeled"),
    [("homographynet", True), ("homographynet_classifier", False)],
)
def test_patches_alone_teach_every_kind_of_model(batch, name, labeled):
    """Labels are measured where there are any, and change nothing."""
    built, model = compile_model(name, "photometric", labeled=labeled, width=0.2, dropout=0.0)
    patches, h4pt = batch

    def loss():
        return float(
            tf.reduce_mean(
                losses.photometric(patches, tf.nest.flatten(built(patches, training=True))[0])
            )
        )

    before = loss()
    inputs = tf.data.Dataset.from_tensors((patches, h4pt) if labeled else (patches,)).repeat()
    history = model.fit(inputs, steps_per_epoch=20, epochs=2, shuffle=False, verbose=0).history
    assert ("corner_error" in history) == labeled
    assert history["loss"][1] < history["loss"][0]
    assert loss() < before


@pytest.mark.parametrize(
    ("loss", "message"),
    [("cross_entropy", "for a model with probabilities"), ("l1", "no loss 'l1'")],
)
def test_a_loss_that_does_not_fit_the_model_is_refused(loss, message):
    with pytest.raises(UserError, match=message):
        compile_model("mobile", loss, width=0.2)
