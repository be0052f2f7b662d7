"""What a person reads of an evaluation: Markdown tables, and one HTML file that needs no other."""

import base64
import html
import json

from keras_homography.evaluation import error_plots, measurement
from keras_homography.utils import files
from keras_homography.visualization import image_output

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1200px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92em; }
th, td { padding: 0.25em 0.7em; text-align: right; border-bottom: 1px solid #ddd;
         white-space: nowrap; }
th { border-bottom: 2px solid #888; } td:first-child, th:first-child { text-align: left; }
img { max-width: 100%; height: auto; } .wide { overflow-x: auto; } p.note { color: #555; }
"""
DEFINITIONS = (
    "Corner error: mean over the four corners of the distance between the predicted and the true "
    "corner, in pixels of the patch. MACE: its mean over all pairs, failures counted with the "
    "identity's error; 95 %: a bootstrap interval of it over the pairs. Failures: how many pairs "
    "have a larger error than the identity's, or no answer. None: how many have no answer; every "
    "figure counts these with the identity's error. MACE, uncapped: the mean of the errors as "
    "they are. L2: the paper's loss, half the sum of the eight squared coordinate errors, in "
    "pixels squared, mean over all pairs. ms: median time of one pair given alone, over the first "
    "pairs of a condition."
)
_HEADINGS = (
    "estimator",
    "MACE",
    "95 %",
    "median",
    "p90",
    "p99",
    "< 1 px",
    "< 3 px",
    "< 5 px",
    "failures",
    "none",
    "MACE, uncapped",
    "L2",
    "ms",
)


def number(value):
    """A number for a table: digits that mean something, no more."""
    if value < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _percent(share):
    return f"{100 * share:.1f} %"


def _cells(row):
    """The cells of a row of `metrics.json`, under `_HEADINGS`."""
    return (
        row["estimator"],
        number(row["mace"]),
        f"{number(row['mace_low'])}–{number(row['mace_high'])}",
        *(number(row[name]) for name in ("median", "p90", "p99")),
        *(_percent(row[name]) for name in ("under_1px", "under_3px", "under_5px")),
        str(row["failures"]),
        str(row["not_returned"]),
        number(row["mace_uncapped"]),
        number(row["l2"]),
        f"{row['ms_per_pair']:.1f}",
    )


def _tables(measured):
    """`[(title, headings, rows of cells)]`: one for every condition, then the networks."""
    rows = measured["rows"]
    conditions = dict.fromkeys((row["distortion"], row["strength"]) for row in rows)
    tables: list[tuple] = [
        (
            measurement.label(*condition),
            _HEADINGS,
            [_cells(row) for row in rows if (row["distortion"], row["strength"]) == condition],
        )
        for condition in conditions
    ]
    networks = {row["estimator"]: row for row in rows if row["parameters"] is not None}
    if networks:
        sizes = [
            (name, f"{row['parameters']:,}", f"{row['file_bytes'] / 1e6:.1f} MB")
            for name, row in networks.items()
        ]
        tables.append(("Networks", ("estimator", "parameters", "file"), sizes))
    return tables


def _title(measured):
    return f"{measured['protocol']['name']} on {measured['dataset']}"


def _settings(measured):
    """What was measured, in a few sentences."""
    protocol, environment = measured["protocol"], measured["environment"]
    photos = ""
    if measured["photos"] is not None:
        photos = f" of {measured['photos']} photos ({measured['photos_skipped']} skipped)"
    networks = ""
    if protocol["network_size"] != protocol["patch_size"]:
        how = "offsets scaled as in the paper" if measured["paper_doubling"] else "matrix rescaled"
        networks = f" Networks of {protocol['network_size']} see them resized by area; {how}."
    threads = ", ".join(f"{name} {count}" for name, count in measured["threads"].items())
    return [
        f"{measured['pairs']:,} pairs{photos}, seed {measured['seed']}. Gray photos of "
        f"{protocol['width']}x{protocol['height']}, patches of {protocol['patch_size']} pixels, "
        f"corner offsets of whole pixels up to {protocol['rho']} along x and y.{networks}",
        f"{environment['date']}, keras_homography {environment['keras_homography']}, TensorFlow "
        f"{environment['tensorflow']}, Keras {environment['keras']}, OpenCV "
        f"{environment['opencv']}, {environment['machine']}; threads: {threads}.",
        f"For comparison, MACE of DeTone et al. 2016 ({protocol['published_note']}): "
        + ", ".join(f"{name} {mace:g}" for name, mace in protocol["published"].items())
        + ".",
    ]


def _escape(cell):
    """A cell of a Markdown table."""
    return cell.replace("|", "\\|")


def markdown(measured):
    """The tables in Markdown.

    Args:
      measured: what `metrics.json` holds, a dictionary.

    Returns:
      str.
    """
    lines = [f"# {_title(measured)}", ""]
    for sentence in _settings(measured):
        lines += [sentence, ""]
    for title, headings, rows in _tables(measured):
        lines += [f"## {title}", "", "| " + " | ".join(headings) + " |"]
        lines.append("|" + "|".join(["---"] + ["---:"] * (len(headings) - 1)) + "|")
        lines += ["| " + " | ".join(_escape(cell) for cell in cells) + " |" for cells in rows]
        lines.append("")
    return "\n".join([*lines, DEFINITIONS, ""])


def page(measured, pictures):
    """The report as one HTML file: opens from disk, loads nothing.

    Args:
      measured: what `metrics.json` holds, a dictionary.
      pictures: `[(title, caption, path)]`, of PNG and JPEG files.

    Returns:
      str.
    """
    parts = [f"<h1>{html.escape(_title(measured))}</h1>"]
    parts += [f"<p>{html.escape(sentence)}</p>" for sentence in _settings(measured)]
    for title, headings, rows in _tables(measured):
        head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n"
            for cells in rows
        )
        parts.append(
            f"<h2>{html.escape(title)}</h2>\n<div class=wide><table><thead><tr>{head}</tr></thead>"
            f"\n<tbody>\n{body}</tbody></table></div>"
        )
    parts.append(f"<p class=note>{html.escape(DEFINITIONS)}</p>")
    for title, caption, path in pictures:
        kind = "png" if path.suffix == ".png" else "jpeg"
        encoded = base64.b64encode(path.read_bytes()).decode("ascii")
        parts.append(
            f"<h2>{html.escape(title)}</h2>\n<p class=note>{html.escape(caption)}</p>\n"
            f'<img alt="{html.escape(title)}" src="data:image/{kind};base64,{encoded}">'
        )
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        f"<title>{html.escape(_title(measured))}</title>\n<style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


_MEDIAN_AND_HIGH = "Median (solid) and 90th percentile (dotted) of the corner error."


def _plots(results):
    """The plots that these results give: `[(title, caption, file name, matplotlib figure)]`."""
    drawn = [
        (
            "Share of pairs below an error",
            "Further left and higher is better.",
            "error_distribution.png",
            error_plots.error_distribution(results),
        ),
        (
            "Error against displacement",
            f"{_MEDIAN_AND_HIGH} Bins hold equally many pairs.",
            "error_by_displacement.png",
            error_plots.error_by_displacement(results),
        ),
        (
            "Error against distortion strength",
            _MEDIAN_AND_HIGH,
            "error_by_strength.png",
            error_plots.error_by_strength(results),
        ),
        (
            "Error against confidence",
            f"{_MEDIAN_AND_HIGH} Bins hold equally many pairs. Of estimators that say how sure "
            "they are.",
            "error_by_confidence.png",
            error_plots.error_by_confidence(results),
        ),
    ]
    return [plot for plot in drawn if plot[-1] is not None]


def write(folder, measured, results, patches_of):
    """Writes everything that an evaluation leaves behind, all at once.

    Args:
      folder: replaced as a whole, once all is written.
      measured: what `metrics.json` will hold, a dictionary.
      results: of `measurement.measure`.
      patches_of: function `(indices, distortion, strength) -> {index: patches}`, as
        `measurement.patches_of`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(folder) as beside:
        beside.mkdir()
        pictures = []
        for title, caption, name, picture in _plots(results):
            picture.savefig(beside / name, dpi=110)
            pictures.append((title, caption, beside / name))
        for condition, of_condition in measurement.near_default(results).items():
            path = beside / f"sheet_{condition[0]}.jpg"
            image_output.write_jpeg(path, error_plots.sheet(of_condition, patches_of))
            pictures.append(
                (
                    f"Best, median and worst pairs: {measurement.label(*condition)}",
                    "Patch A with the true quad of B in green and the predicted one in red (no red "
                    "one where nothing was returned); below it patch B.",
                    path,
                )
            )
        (beside / "metrics.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
        (beside / "metrics.md").write_text(markdown(measured), encoding="utf-8")
        (beside / "report.html").write_text(page(measured, pictures), encoding="utf-8")
        (beside / "run.flags").write_text(measured["flags"], encoding="utf-8")
