"""Execute the notebooks of `keras_homography/notebooks` in full, and keep their outputs.

python tests/studies/notebooks.py [NAME...]
"""

import pathlib
import re
import sys
import tempfile

import nbformat

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from helpers import notebooks


def without_logs(outputs):
    """Outputs of a cell without what libraries log, and without progress bars."""
    kept = [output for output in outputs if output.output_type != "stream"]
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    lines = [
        line
        for line in re.split(r"[\r\n\b]+", printed)
        if line.strip() and "━" not in line and not line.startswith("INFO:")
    ]
    if lines:
        text = "\n".join(lines) + "\n"
        kept.insert(0, nbformat.v4.new_output("stream", name="stdout", text=text))
    return kept


def main(names):
    for name in names or notebooks.QUICK:
        notebook = notebooks.read(name)
        with tempfile.TemporaryDirectory() as folder:
            notebooks.execute(notebook, folder)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times, which differ between runs
            if cell.cell_type == "code":
                cell.outputs = without_logs(cell.outputs)
        path = notebooks.FOLDER / f"{name}.ipynb"
        nbformat.write(notebook, path)
        print(f"{path.name}: {notebooks.pictures(notebook)} pictures, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
