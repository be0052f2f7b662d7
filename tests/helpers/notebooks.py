"""Execute the package's notebooks, in full or with smaller parameters."""

import pathlib

import nbclient
import nbformat

FOLDER = pathlib.Path(__file__).parents[2] / "keras_homography" / "notebooks"
# Values of the cell tagged "parameters" with which a notebook takes seconds.
QUICK = {
    "align_two_photos": "WIDTH, HEIGHT = 320, 240",
    "measure_like_the_field": "PAIRS, ESTIMATORS = 4, ('sift_ransac', 'orb_ransac', 'identity')",
    "train_your_own": "MODEL, STEPS, REFINE = 'mobile', 4, False",
}


def read(name):
    """The notebook of a name, as it is stored."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def execute(notebook, folder, parameters=""):
    """Run all cells in a folder; `parameters` follow those of the notebook."""
    for cell in notebook.cells:
        if parameters and "parameters" in cell.metadata.get("tags", ()):
            cell.source += f"\n{parameters}"
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=1200, resources=resources).execute()
    return notebook


def pictures(notebook):
    """How many pictures the outputs of a notebook hold."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/jpeg" in output.get("data", {}) for output in outputs)
