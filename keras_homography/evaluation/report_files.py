"""Write the output folder of an evaluation: metrics, tables, plots, pair sheets, HTML report."""

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.figure import Figure

from keras_homography.evaluation import (
    error_plots,
    html_report,
    pair_sheets,
    report_tables,
)
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.evaluation.results import Result, nearest_to_default
from keras_homography.utils import files
from keras_homography.utils.errors import UserError
from keras_homography.visualization import image_output

_PATTERNS = (
    "metrics.json",
    "metrics.md",
    "report.html",
    "run.flags",
    "error_*.png",
    "sheet_*.jpg",
)
_MEDIAN_AND_P90 = "Median (solid) and 90th percentile (dotted) of the corner error."


def check_output_dir(output_dir: pathlib.Path) -> None:
    """Check that an output folder can be written, and contains nothing but a former report.

    Args:
      output_dir: absolute; `write` replaces it as a whole.

    Raises:
      UserError: it is no folder, cannot be written, or contains other files.
    """
    files.check_writable(output_dir)
    if not output_dir.exists():
        return
    for path in sorted(output_dir.iterdir()):
        if not any(path.match(pattern) for pattern in _PATTERNS):
            raise UserError(
                f"{output_dir} holds files of something else, such as {path.name}. Give another "
                "--output_dir."
            )


def _plots(results: Sequence[Result]) -> Iterator[tuple[str, str, str, Figure | None]]:
    """Yield `(title, caption, file name, figure)`; None where the results lack what it shows."""
    yield (
        "Share of pairs below an error",
        "Further left and higher is better.",
        "error_distribution.png",
        error_plots.error_distribution(results),
    )
    yield (
        "Error against displacement",
        f"{_MEDIAN_AND_P90} Bins hold equally many pairs.",
        "error_by_displacement.png",
        error_plots.error_by_displacement(results),
    )
    yield (
        "Error against distortion strength",
        _MEDIAN_AND_P90,
        "error_by_strength.png",
        error_plots.error_by_strength(results),
    )
    yield (
        "Error against confidence",
        f"{_MEDIAN_AND_P90} Bins hold equally many pairs. Of estimators with a confidence.",
        "error_by_confidence.png",
        error_plots.error_by_confidence(results),
    )


def write(
    folder: pathlib.Path,
    measured: dict[str, Any],
    results: Sequence[Result],
    pairs: ProtocolPairs,
) -> None:
    """Write everything that an evaluation leaves behind, all at once.

    Args:
      folder: replaced as a whole, once all is written.
      measured: contents of `metrics.json`.
      results: of `measurement.measure`.
      pairs: that the results are of; some are drawn.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(folder) as unfinished:
        unfinished.mkdir()
        pictures = []
        for title, caption, name, figure in _plots(results):
            if figure is not None:
                figure.savefig(unfinished / name, dpi=110)
                pictures.append(html_report.Picture(title, caption, unfinished / name))
        for condition, of_condition in nearest_to_default(results).items():
            path = unfinished / f"sheet_{condition.distortion}.jpg"
            image_output.write_jpeg(path, pair_sheets.draw(of_condition, pairs))
            title = f"Best, median and worst pairs: {condition.label}"
            pictures.append(html_report.Picture(title, pair_sheets.CAPTION, path))
        texts = {
            "metrics.json": json.dumps(measured, indent=1),
            "metrics.md": report_tables.markdown(measured),
            "report.html": html_report.page(measured, pictures),
            "run.flags": measured["flags"],
        }
        for name, text in texts.items():
            (unfinished / name).write_text(text, encoding="utf-8")
