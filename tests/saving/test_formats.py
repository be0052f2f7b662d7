"""The registry of formats, and files of less precision."""

import subprocess
import sys

import numpy as np
import pytest

from keras_homography.saving import formats, loading


def test_file_names_are_unique_and_a_run_writes_registered_formats():
    names = [each.file_name for each in formats.FORMATS.values()]
    assert len(set(names)) == len(names)
    assert set(formats.RUN_FORMATS) <= set(formats.FORMATS)


def test_the_registry_does_not_import_tensorflow():
    program = (
        "import sys\nimport keras_homography.saving.formats\nprint('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("name", "tolerance"), [("float16", 0.05), ("int8", 0.5)])
def test_smaller_weights_make_smaller_files_of_nearly_the_same(
    small_model, small_pairs, exported, tmp_path, name, tolerance
):
    form = formats.FORMATS[name]
    assert form.is_lossy
    form.write(small_model, tmp_path / form.file_name)
    size = (tmp_path / form.file_name).stat().st_size
    assert size < 0.7 * (exported / "model.tflite").stat().st_size
    h4pt = form.read(tmp_path / form.file_name)(small_pairs)["h4pt"]
    expected = loading.predict_h4pt(small_model, small_pairs)
    assert 0 < np.abs(h4pt - expected).max() < tolerance
