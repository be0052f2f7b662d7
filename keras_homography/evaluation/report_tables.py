"""The tables of a report, and the report in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from keras_homography.evaluation.conditions import Condition

DEFINITIONS = (
    "Corner error: mean over the four corners of the distance between the predicted and the true "
    "corner, in pixels of the patch. MACE: its mean over all pairs, failures counted with the "
    "identity's error; 95 %: a bootstrap interval of it over the images. Failures: how many pairs "
    "have a larger error than the identity's, or no answer. None: how many have no answer; every "
    "figure counts these with the identity's error. MACE, uncapped: the mean of the errors as "
    "they are. L2: the paper's loss, half the sum of the eight squared coordinate errors, in "
    "pixels squared, mean over all pairs. ms: time of one pair given alone, median and mean over "
    "all."
)
HEADINGS = (
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


class Table(NamedTuple):
    """A table of a report.

    Attributes:
      title: above it.
      headings: of its columns.
      rows: of cells, as many as headings.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class ReportText(NamedTuple):
    """Everything in a report but its pictures.

    Attributes:
      title: of the report.
      settings: what was measured and with what, a paragraph each.
      tables: in their order.
      definitions: of the figures, below the tables.
    """

    title: str
    settings: Sequence[str]
    tables: Sequence[Table]
    definitions: str


def format_number(value: float) -> str:
    """Format a number of pixels with about three significant digits."""
    if value < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Format a row of `metrics.json` under `HEADINGS`."""
    return (
        row["estimator"],
        format_number(row["mace"]),
        f"{format_number(row['mace_low'])}–{format_number(row['mace_high'])}",
        *(format_number(row[name]) for name in ("median", "p90", "p99")),
        *(f"{100 * row[name]:.1f} %" for name in ("under_1px", "under_3px", "under_5px")),
        str(row["failures"]),
        str(row["not_returned"]),
        format_number(row["mace_uncapped"]),
        format_number(row["l2"]),
        f"{row['ms_median']:.1f} / {row['ms_mean']:.1f}",
    )


def tables(measured: Mapping[str, Any]) -> list[Table]:
    """Build the tables of a report: one for every condition, then the sizes of the networks.

    Args:
      measured: contents of `metrics.json`.
    """
    by_condition: dict[Condition, list[tuple[str, ...]]] = {}
    for row in measured["rows"]:
        condition = Condition(row["distortion"], row["strength"])
        by_condition.setdefault(condition, []).append(_cells(row))
    built = [Table(condition.label, HEADINGS, rows) for condition, rows in by_condition.items()]
    networks = {row["estimator"]: row for row in measured["rows"] if row["parameters"] is not None}
    if networks:
        sizes = [
            (name, f"{row['parameters']:,}", f"{row['file_bytes'] / 1e6:.1f} MB")
            for name, row in networks.items()
        ]
        built.append(Table("Networks", ("estimator", "parameters", "file"), sizes))
    return built


def title(measured: Mapping[str, Any]) -> str:
    """Return the title of a report: protocol and dataset."""
    return f"{measured['protocol']['name']} on {measured['dataset']}"


def made_with(measured: Mapping[str, Any]) -> str:
    """Describe date, versions, machine, threads and memory of an evaluation in a paragraph.

    Args:
      measured: contents of `metrics.json`.
    """
    environment = measured["environment"]
    threads = ", ".join(f"{name} {count}" for name, count in measured["threads"].items())
    return (
        f"{environment['date']}, keras_homography {environment['keras_homography']}, TensorFlow "
        f"{environment['tensorflow']}, Keras {environment['keras']}, OpenCV "
        f"{environment['opencv']}, {environment['machine']}; threads: {threads}; at most "
        f"{measured['peak_memory_mb']:,.0f} MB of memory."
    )


def settings(measured: Mapping[str, Any]) -> list[str]:
    """Describe what was measured, with what, and what the paper reports: a paragraph each.

    Args:
      measured: contents of `metrics.json`.
    """
    protocol = measured["protocol"]
    images = ""
    if measured["photos"] is not None:
        images = f" of {measured['photos']} images ({measured['photos_skipped']} skipped)"
    how = "offsets scaled as in the paper" if measured["paper_doubling"] else "matrix rescaled"
    return [
        f"{measured['pairs']:,} pairs{images}, seed {measured['seed']}. Gray images of "
        f"{protocol['width']}x{protocol['height']}, patches of {protocol['patch_size']} pixels, "
        f"integer corner offsets up to {protocol['rho']} pixels along x and y. Networks of "
        f"another size see them resized; {how}.",
        made_with(measured),
        f"For comparison, MACE of DeTone et al. 2016 ({protocol['published_note']}): "
        + ", ".join(f"{name} {mace:g}" for name, mace in protocol["published"].items())
        + ".",
    ]


def describe(measured: Mapping[str, Any]) -> ReportText:
    """Put the text of a report of patches together.

    Args:
      measured: contents of `metrics.json`.
    """
    return ReportText(title(measured), settings(measured), tables(measured), DEFINITIONS)


def markdown(text: ReportText) -> str:
    """Format a report as Markdown.

    Args:
      text: of the report.
    """
    lines = [f"# {text.title}", ""]
    for paragraph in text.settings:
        lines += [paragraph, ""]
    for table in text.tables:
        lines += [f"## {table.title}", "", "| " + " | ".join(table.headings) + " |"]
        lines.append("|" + "|".join(["---"] + ["---:"] * (len(table.headings) - 1)) + "|")
        for cells in table.rows:
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join([*lines, text.definitions, ""])
