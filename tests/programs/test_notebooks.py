"""The notebooks run, and are stored with their outputs."""

import pytest
from helpers import notebooks


@pytest.mark.long
@pytest.mark.parametrize("name", notebooks.QUICK)
def test_a_notebook_runs_with_smaller_parameters(name, tmp_path):
    executed = notebooks.execute(notebooks.read(name), tmp_path, notebooks.QUICK[name])
    assert notebooks.pictures(executed) == notebooks.pictures(notebooks.read(name)) > 0


def test_notebooks_are_stored_small_with_their_outputs():
    paths = sorted(notebooks.FOLDER.glob("*.ipynb"))
    assert [path.stem for path in paths] == sorted(notebooks.QUICK)
    for path in paths:
        assert path.stat().st_size < 400_000
        cells = [cell for cell in notebooks.read(path.stem).cells if cell.cell_type == "code"]
        assert "%pip install" in cells[0].source
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        outputs = [output for cell in cells for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error"]
        assert "/work/" not in str(outputs)
        assert "/home/" not in str(outputs)
