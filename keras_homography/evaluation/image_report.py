"""The report of an evaluation on whole images: tables, risk against coverage, wrong answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from keras_homography.evaluation import image_results, report_tables, trap_measurement, traps
from keras_homography.evaluation.image_results import Outcome
from keras_homography.evaluation.report_files import Drawing
from keras_homography.evaluation.report_tables import ReportText, Table, made_with

_PAIR_DEFINITIONS = (
    "Error of a pair: mean distance, in pixels of B, between points of A transformed and the true "
    "points: those of the truth, or a 5x5 grid of A where B shows it, up to 20 % outside. Right: "
    "answered, at most so far off. Wrong: answered, more than 20 px off. AUC: area below the share "
    "of pairs against their error, up to so many pixels; a refusal counts as an infinite error. "
    "Truth made of landmarks is itself worth up to 3 px. ms: median and mean over all pairs."
)
_TRAP_DEFINITIONS = (
    "Error: mean over the corners of what both images show, in pixels of B. Right: answered, below "
    "3 px. Wrong: answered and more than 10 px off, or answered at all where the scenes differ or "
    "repeat themselves. Unsure: answered, in between. A refusal that is allowed is not wrong, and "
    "not right. Risk-coverage area: mean error rate as the threshold of the confidence falls, over "
    "the share answered. ms: median and mean over all traps."
)
_TILE = (240, 180)  # of a picture of wrong answers


def describe(measured: Mapping[str, Any]) -> ReportText:
    """Put the text of a report of whole images together.

    Args:
      measured: contents of `metrics.json`.
    """
    protocol = measured["protocol"]["name"]
    settings = [
        f"{measured['pairs']} pairs of {measured['dataset']}; {len(measured['skipped'])} could not "
        "be used.",
        made_with(measured),
    ]
    settings += [f"Skipped {name}: {reason}" for name, reason in measured["skipped"].items()]
    make_tables = _pair_tables if protocol == "pairs" else _trap_tables
    definitions = _PAIR_DEFINITIONS if protocol == "pairs" else _TRAP_DEFINITIONS
    title = f"{protocol} on {measured['dataset']}"
    return ReportText(title, settings, make_tables(measured["rows"]), definitions)


def _times(row: Mapping[str, Any]) -> str:
    return f"{row['ms_median']:.0f} / {row['ms_mean']:.0f}"


def _reasons(row: Mapping[str, Any]) -> str:
    """How many of the refusals that give a reason give the expected one."""
    told = row["refused_with_reason"]
    return f"{row['reason_as_expected']} of {told}" if told else ""


def _pair_tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    headings = (
        *("estimator", "pairs"),
        *(f"right, {px} px" for px in image_results.RIGHT_PX),
        *("wrong", "refused"),
        *(f"AUC {px} px" for px in image_results.AUC_PX),
        "ms",
    )
    by_kind: dict[str | None, list[Sequence[str]]] = {}
    for row in rows:
        cells = (
            row["estimator"],
            *(str(row[name]) for name in ("pairs", *_right_names(), "wrong", "refused")),
            *(f"{100 * row[f'auc_{px}']:.1f}" for px in image_results.AUC_PX),
            _times(row),
        )
        by_kind.setdefault(row["kind"], []).append(cells)
    return [Table(kind or "all kinds", headings, cells) for kind, cells in by_kind.items()]


def _right_names() -> list[str]:
    return [f"right_{px}px" for px in image_results.RIGHT_PX]


def _trap_tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    estimators = list(dict.fromkeys(row["estimator"] for row in rows))
    verdicts = " / ".join(trap_measurement.VERDICTS)
    by_kind: dict[str | None, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], {})[row["estimator"]] = row
    cells = []
    for kind, of_kind in by_kind.items():
        first = of_kind[estimators[0]]
        counts = (
            " / ".join(str(of_kind[name][verdict]) for verdict in trap_measurement.VERDICTS)
            for name in estimators
        )
        cells.append((kind or "all", str(first["pairs"]), first["expected"] or "", *counts))
    total = by_kind[None]
    summary = [
        (
            name,
            ", ".join(f"{c:.2f}" for c in total[name]["wrong_confidences"]) or "none",
            report_tables.format_number(total[name]["risk_coverage_area"] or 0.0),
            _reasons(total[name]),
            _times(total[name]),
        )
        for name in estimators
    ]
    return [
        Table(f"Traps: {verdicts}", ("kind", "n", "expected", *estimators), cells),
        Table(
            "Confidence of the wrong answers",
            ("estimator", "confidences", "risk-coverage area", "expected reasons", "ms"),
            summary,
        ),
    ]


def plot_risk_coverage(outcomes: Sequence[Outcome]) -> Figure:
    """Plot the error rate against the share answered, a line for every estimator.

    Args:
      outcomes: of `trap_measurement.measure`.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    for name in dict.fromkeys(outcome.estimator for outcome in outcomes):
        of_estimator = [outcome for outcome in outcomes if outcome.estimator == name]
        panel.step(*trap_measurement.risk_coverage(of_estimator), where="post", label=name)
    panel.set(xlabel="share answered", ylabel="error rate", xlim=(0, 1), ylim=(0, 1))
    panel.legend()
    return figure


def draw_wrong(
    trapped: Sequence[tuple[traps.Trap, Outcome]], estimator: str, count: int = 8
) -> np.ndarray | None:
    """Draw the most confident wrong answers of an estimator.

    Args:
      trapped: traps with outcomes that were judged wrong.
      estimator: its name.
      count: maximum.

    Returns:
      uint8 `[height, width, 3]`, RGB: a row for each: A, B, A (red) over B as answered; None if
      nothing was wrong.
    """
    mine = [(trap, outcome) for trap, outcome in trapped if outcome.estimator == estimator]
    mine.sort(key=lambda pair: -pair[1].answer.confidence)
    rows = []
    for trap, outcome in mine[:count]:
        b_from_a = outcome.answer.b_from_a
        assert b_from_a is not None
        warped = cv2.warpPerspective(trap.image_a, b_from_a, trap.image_b.shape[::-1])
        over = np.dstack([warped, trap.image_b, trap.image_b])
        tiles = [
            cv2.resize(image, _TILE, interpolation=cv2.INTER_AREA)
            for image in (np.dstack([trap.image_a] * 3), np.dstack([trap.image_b] * 3), over)
        ]
        text = f"{trap.kind}, confidence {outcome.answer.confidence:.2f}"
        cv2.putText(tiles[0], text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 220, 0), 1)
        rows.append(np.hstack(tiles))
    return np.vstack(rows) if rows else None


def draw_trap_report(
    outcomes: Sequence[Outcome],
    verdicts: Sequence[str],
    rendered: Mapping[str, traps.Trap],
    estimator: str,
) -> Iterator[Drawing]:
    """Draw the risk-coverage plot, and the wrong answers of one estimator.

    Args:
      outcomes: of `trap_measurement.measure`.
      verdicts: of `trap_measurement.measure`.
      rendered: the traps by their names.
      estimator: whose wrong answers are drawn.

    Yields:
      The drawings.
    """
    yield Drawing(
        "Risk against coverage",
        "Error rate of the most confident answers, against their share of all traps. Lower is "
        "better.",
        "risk_coverage.png",
        plot_risk_coverage(outcomes),
    )
    trapped = [
        (rendered[outcome.name], outcome)
        for outcome, verdict in zip(outcomes, verdicts, strict=True)
        if verdict == "wrong"
    ]
    picture = draw_wrong(trapped, estimator)
    if picture is not None:
        caption = "A, B, and A (red) over B (cyan) as answered; the most confident first."
        yield Drawing(f"Wrong answers of {estimator}", caption, "wrong.jpg", picture)
