"""Write the output folder of an evaluation: metrics, tables, plots, pair sheets, HTML report."""

import json
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from keras_homography.evaluation import (
    conditions,
    error_plots,
    html_report,
    pair_sheets,
    report_tables,
)
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.evaluation.results import Result, nearest_to_default
from keras_homography.saving import manifest
from keras_homography.utils import files
from keras_homography.visualization import image_output

_TEXTS = ("metrics.json", "metrics.md", "report.html", "run.flags")
_PICTURES = (
    "error_distribution.png",
    "error_by_displacement.png",
    "error_by_strength.png",
    "error_by_confidence.png",
    *(f"sheet_{name}.jpg" for name in conditions.NAMES),
    "risk_coverage.png",
    "wrong.jpg",
)
_MEDIAN_AND_P90 = "Median (solid) and 90th percentile (dotted) of the corner error."


class Drawing(NamedTuple):
    """A picture of a report, before it is written.

    Attributes:
      title: above it.
      caption: below the title.
      file_name: in the output folder.
      content: a figure, or uint8 `[height, width, 3]`, RGB.
    """

    title: str
    caption: str
    file_name: str
    content: Figure | np.ndarray


def check_output_dir(output_dir: pathlib.Path) -> None:
    """Check that a report can be written to a folder without the loss of anybody's file.

    Args:
      output_dir: it may contain other files, which stay, and a former report.

    Raises:
      UserError: it is no folder, cannot be written, or contains a file of a name that a report
        uses and that is not of a former report, as `manifest.json` lists it.
    """
    files.check_writable(output_dir)
    manifest.check_replaceable(output_dir, [*_TEXTS, *_PICTURES])


def draw_patch_report(results: Sequence[Result], pairs: ProtocolPairs) -> Iterator[Drawing]:
    """Draw the plots and pair sheets of an evaluation on patches.

    Args:
      results: of `measurement.measure`.
      pairs: that the results are of; some are drawn.

    Yields:
      The drawings; those that need what the results lack are left out.
    """
    plots = (
        (
            "Share of pairs below an error",
            "Further left and higher is better.",
            "error_distribution.png",
            error_plots.error_distribution(results),
        ),
        (
            "Error against displacement",
            f"{_MEDIAN_AND_P90} Bins hold equally many pairs.",
            "error_by_displacement.png",
            error_plots.error_by_displacement(results),
        ),
        (
            "Error against distortion strength",
            _MEDIAN_AND_P90,
            "error_by_strength.png",
            error_plots.error_by_strength(results),
        ),
        (
            "Error against confidence",
            f"{_MEDIAN_AND_P90} Bins hold equally many pairs. Of estimators with a confidence.",
            "error_by_confidence.png",
            error_plots.error_by_confidence(results),
        ),
    )
    for title, caption, name, figure in plots:
        if figure is not None:
            yield Drawing(title, caption, name, figure)
    for condition, of_condition in nearest_to_default(results).items():
        yield Drawing(
            f"Best, median and worst pairs: {condition.label}",
            pair_sheets.CAPTION,
            f"sheet_{condition.distortion}.jpg",
            pair_sheets.draw(of_condition, pairs),
        )


def write(
    folder: pathlib.Path,
    measured: dict[str, Any],
    text: report_tables.ReportText,
    drawings: Iterable[Drawing],
) -> None:
    """Write everything that an evaluation leaves behind, file by file, what was measured first.

    Files of a former report that are not of this one are removed at the end.

    Args:
      folder: created if it does not exist.
      measured: contents of `metrics.json`.
      text: of the report.
      drawings: its pictures.

    Raises:
      UserError: a file is in the way that is not of a former report.
      OSError: a file cannot be written; what was there stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    former = manifest.read_manifest(folder)
    _write_text(folder, "metrics.json", json.dumps(measured, indent=1))
    _write_text(folder, "metrics.md", report_tables.markdown(text))
    _write_text(folder, "run.flags", measured["flags"])
    pictures = []
    for drawing in drawings:
        with manifest.replace(folder, drawing.file_name) as temporary:
            if isinstance(drawing.content, Figure):
                image_output.write_figure(temporary, drawing.content, dpi=110)
            else:
                image_output.write_jpeg(temporary, drawing.content)
        path = folder / drawing.file_name
        pictures.append(html_report.Picture(drawing.title, drawing.caption, path))
    _write_text(folder, "report.html", html_report.page(text, pictures))
    current = {*_TEXTS, *(picture.path.name for picture in pictures)}
    manifest.remove_former(folder, set(former) - current)


def _write_text(folder: pathlib.Path, name: str, text: str) -> None:
    with manifest.replace(folder, name) as temporary:
        files.write_text(temporary, text)
