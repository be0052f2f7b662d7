"""Every architecture keeps the contract; the registry builds and refines; weights are copied."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers.in_graph import in_tflite

from keras_homography import models

# Of pairs of patches; the contract of the matcher is in test_matcher.py.
OF_PAIRS = tuple(name for name in models.ARCHITECTURES if name != "matcher")
SMALL = {"patch_size": 32, "rho": 8, "width": 0.1}


def small(name):
    """Options of a network that is quickly built and converted."""
    return SMALL | ({"fine_steps": 1} if name == "cascade" else {})


@pytest.fixture(scope="module", params=OF_PAIRS)
def built(request):
    keras.utils.set_random_seed(0)
    return models.build(request.param, **small(request.param))


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 2)).astype(np.float32)


def h4pt_of(model, patches):
    outputs = model(patches, training=False)
    return (outputs[0] if isinstance(outputs, list) else outputs).numpy()


def test_contract(built, patches):
    assert built.input_shape == (None, 32, 32, 2)
    assert built.input.dtype == "float32"
    assert built.name in OF_PAIRS
    h4pt = h4pt_of(built, patches)
    assert h4pt.shape == (3, 4, 2)
    assert h4pt.dtype == np.float32
    assert np.isfinite(h4pt).all()
    assert models.classifies(built) == (built.name == "homographynet_classifier")


def test_is_saved_and_loaded(built, patches, tmp_path):
    built.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(h4pt_of(loaded, patches), h4pt_of(built, patches), atol=1e-5)


@pytest.mark.long
def test_converts_to_tflite(built, patches):
    def h4pt(pairs):
        outputs = built(pairs, training=False)
        return outputs[0] if isinstance(outputs, list) else outputs

    np.testing.assert_allclose(in_tflite(h4pt, patches[:1]), h4pt_of(built, patches[:1]), atol=1e-2)


def test_weights_are_copied(built):
    keras.utils.set_random_seed(1)
    other = models.build(built.name, **small(built.name))
    models.copy_weights(other, built)
    for weight, source in zip(other.weights, built.weights, strict=True):
        np.testing.assert_array_equal(weight, source)


@pytest.mark.parametrize("name", ["homographynet", "homographynet_classifier", "mobile"])
@pytest.mark.parametrize("refined", [False, True])
def test_weights_are_copied_to_larger_patches(name, refined):
    source = models.build(name, **SMALL)
    large = models.build(name, **SMALL | {"patch_size": 64, "rho": 16})
    models.copy_weights(large, models.refine(source) if refined else source)
    rows, columns, channels = source.get_layer("flatten").input.shape[1:]
    features = np.random.default_rng(0).uniform(0, 1, (3, rows, columns, channels))
    doubled = features.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(
        large.get_layer("dense")(doubled.reshape(3, -1)),
        source.get_layer("dense")(features.reshape(3, -1)),
        atol=1e-5,
    )


def test_weights_of_larger_patches_are_refused():
    large = models.build("mobile", **SMALL | {"patch_size": 64})
    with pytest.raises(ValueError, match="same patch size or one that it is a multiple of"):
        models.copy_weights(models.build("mobile", **SMALL), large)


def test_weights_of_another_width_are_refused():
    small = models.build("mobile", **SMALL)
    large = models.build("mobile", **SMALL | {"width": 0.5})
    before = [weight.numpy() for weight in small.weights]
    with pytest.raises(ValueError, match=r"The weights do not fit: .* must have the shape"):
        models.copy_weights(small, large)
    for weight, value in zip(small.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet", {}, "no architecture 'resnet'; there are cascade, homographynet, "),
        ("homographynet", {"patch_size": 100}, "multiple of 8.*got 100"),
        ("homographynet", {"width": 0}, "width must be above 0; got 0"),
        ("homographynet", {"rho": "far"}, "rho of homographynet must be a number; got 'far'"),
        ("cascade", {"patch_size": 100}, "multiple of 16.*got 100"),
        ("cascade", {"width": -1}, "width must be above 0; got -1"),
        ("cascade", {"fine_steps": -1}, "fine_steps must be at least 0; got -1"),
        ("mobile", {"patch_size": 100}, "multiple of 8.*got 100"),
        ("cascade", {"dropout": 0.5}, "architecture cascade has no dropout"),
        ("homographynet", {"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, **options)


def test_names_are_listed_without_tensorflow():
    program = (
        "import sys; from keras_homography.models import ARCHITECTURES; print(*ARCHITECTURES); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert tuple(result.stdout.split()) == models.ARCHITECTURES
