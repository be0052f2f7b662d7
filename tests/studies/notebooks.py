"""Execute the notebooks of `keras_homography/notebooks` in full, and keep their outputs.

python tests/studies/notebooks.py [NAME...]
"""

import pathlib
import sys
import tempfile

import nbformat

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from helpers import notebooks


def main(names):
    for name in names or notebooks.QUICK:
        notebook = notebooks.read(name)
        with tempfile.TemporaryDirectory() as folder:
            notebooks.execute(notebook, folder)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times, which differ between runs
            if cell.cell_type == "code":  # without what libraries log of the machine
                cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        path = notebooks.FOLDER / f"{name}.ipynb"
        nbformat.write(notebook, path)
        print(f"{path.name}: {notebooks.pictures(notebook)} pictures, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
