"""Tables of the READMEs, each from the folders that its commands left behind: see `tables.py`."""

import json

_CONDITIONS = [
    ("none", 0.0, "clean"),
    ("photometric", 1.0, "photometric"),
    ("photometric", 2.0, "photometric x2"),
    ("occlusion", 1.0, "occlusion"),
    ("occlusion", 2.0, "occlusion x2"),
]
_OURS = {
    "saved_models/homography.tflite": "**shipped model, TFLite**",
    "estimator": "**`HomographyEstimator`**",
}
_RIVALS = {
    "sift_ransac": "SIFT + RANSAC",
    "sift_x2_ransac": "SIFT at double size + RANSAC",
    "sift_ecc": "SIFT + RANSAC, then ECC",
    "orb_ransac": "ORB + RANSAC",
}
# Of the summary: a condition's number above, and what it is called for who does not know them yet.
_SUMMARY = [
    (0, "clean"),
    (1, "light, blur, noise, JPEG"),
    (3, "14–25 % of B occluded"),
    (4, "28–50 % occluded"),
]


def _rows(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["rows"]


def _lines(folder):
    text = (folder / "stdout.txt").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _table(header, rows, numbers_from=1):
    """A Markdown table; its columns are to the right from one on."""
    aligned = ["---"] * numbers_from + ["---:"] * (len(header) - numbers_from)
    head, *body = (f"| {' | '.join(row)} |" for row in (header, *rows))
    return [head, f"|{'|'.join(aligned)}|", *body]


def _number(value):
    """Three digits, or one after the point from 10 on."""
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.9995 else f"{value:.3f}"


def _time(milliseconds):
    return f"{milliseconds:.1f}" if milliseconds < 100 else f"{milliseconds:.0f}"


def _percent(share):
    """Without digits after the point, unless it is nearly all."""
    return f"{100 * share:.1f} %" if 0.99 <= share < 1 else f"{100 * share:.0f} %"


def _by_condition(folder, cell):
    """A row for each estimator, a cell for each condition."""
    rows = _rows(folder)
    measured = {(r["estimator"], r["distortion"], r["strength"]): r for r in rows}
    conditions = [c for c in _CONDITIONS if any(key[1:] == c[:2] for key in measured)]
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    body = [
        [_OURS.get(name, name), *(cell(measured[(name, *c[:2])]) for c in conditions)]
        for name in names
    ]
    return [c[2] for c in conditions], body


def _error_cell(row):
    share = f"{100 * row['under_1px']:.1f} %"
    return f"{_number(row['mace'])} / {_number(row['median'])} / {share}"


def errors(folder):
    """MACE, median and share below 1 px."""
    conditions, body = _by_condition(folder, _error_cell)
    return _table(["MACE / median / under 1 px", *conditions], body)


def summary(folder):
    """MACE and share below 1 px of four conditions, and their times."""
    rows = {(r["estimator"], r["distortion"], r["strength"]): r for r in _rows(folder)}
    body = []
    for name, label in {**_OURS, **_RIVALS}.items():
        of_name = [rows[(name, *_CONDITIONS[number][:2])] for number, _ in _SUMMARY]
        cells = [f"{_number(r['mace'])} / {_percent(r['under_1px'])}" for r in of_name]
        if name == "estimator":
            refused = [f", {r['not_returned']} refused" * bool(r["not_returned"]) for r in of_name]
            cells = [cell + more for cell, more in zip(cells, refused, strict=True)]
        milliseconds = " / ".join(_time(r["ms_mean"]) for r in of_name)
        body.append([label, *cells, milliseconds])
    return _table(["", *(title for _, title in _SUMMARY), "ms a pair, mean"], body)


def times(folder):
    """Pairs without an answer, and milliseconds."""
    conditions, body = _by_condition(
        folder,
        lambda r: f"{r['not_returned']}; {_time(r['ms_median'])} / {_time(r['ms_mean'])}",
    )
    body = [row for row in body if row[0] != "identity"]
    return _table(["without an answer; ms a pair, median / mean", *conditions], body)


def intervals(*folders):
    """MACE with its interval, an estimator a column, a command a row."""
    body = []
    for folder in folders:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        cells = [
            f"{_number(r['mace'])} ({_number(r['mace_low'])}–{_number(r['mace_high'])})"
            for r in metrics["rows"]
        ]
        photos = metrics["photos"]
        body.append([f"`{metrics['protocol']['name']}`, {photos} photographs", *cells])
    names = [row["estimator"] for row in metrics["rows"]]
    return _table(["MACE in px, interval over images", *names], body)


def pairs(folder):
    """Real pairs: right, wrong, refused and the area under the curve, by kind."""
    rows = _rows(folder)
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    of = {(row["estimator"], row["kind"]): row for row in rows}
    kinds = sorted({row["kind"] for row in rows} - {None}, key=lambda kind: ("/" in kind, kind))
    groups = {
        "**photographs**": [kind for kind in kinds if "/" not in kind],
        "**sensors**": [kind for kind in kinds if "/" in kind],
    }
    body = []
    for title, members in groups.items():
        for label, summed in [(title, members), *((kind, [kind]) for kind in members)]:
            cells = []
            for name in names:
                chosen = [of[name, kind] for kind in summed]
                count = sum(row["pairs"] for row in chosen)
                total = [sum(row[k] for row in chosen) for k in ("right_5px", "wrong", "refused")]
                area = sum(row["auc_5"] * row["pairs"] for row in chosen) / max(count, 1)
                cells += [" / ".join(map(str, total)), f"{100 * area:.1f}"]
            if count:
                body.append([label, str(count), *cells])
    titles = [x for name in names for x in (f"`{name}`: right / wrong / refused", "AUC 5 px")]
    return _table(["kind", "pairs", *titles], body)


def traps(folder):
    """Traps: right, wrong, unsure and refused, by kind."""
    rows = _rows(folder)
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    body = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = {row["estimator"]: row for row in rows if row["kind"] == kind}
        first = of_kind[names[0]]
        cells = [
            " / ".join(str(of_kind[n][k]) for k in ("right", "wrong", "unsure", "refused"))
            for n in names
        ]
        body.append([kind or "all", str(first["pairs"]), first["expected"] or "", *cells])
    return _table(["kind", "n", "expected", *names], body)


def inference(*folders):
    """Time of a pair, ours and SIFT's, a number of threads a column."""

    def cell(line):
        ours, theirs = line["value"], line["reference_value"]
        return f"{ours:.1f} / {theirs:.1f} = {ours / theirs:.2f}"

    columns = [_lines(folder) for folder in folders]
    body = [[f"`{case[0]['case']}`", *map(cell, case)] for case in zip(*columns, strict=True)]
    threads = [
        "1 thread" if c[0]["threads"] == 1 else f"{c[0]['threads']} threads" for c in columns
    ]
    return _table(["ms a pair: ours / SIFT + RANSAC", *threads], body)


def video(folder):
    """A video a row, a figure a column: ours / KLT's."""
    of = {tuple(line["case"].split(", ")): line for line in _lines(folder)}
    figures = list(dict.fromkeys(figure for _, figure in of))
    body = [
        [name]
        + [
            f"{of[name, figure]['value']:.3g} / {of[name, figure]['reference_value']:.3g}"
            for figure in figures
        ]
        for name in dict.fromkeys(name for name, _ in of)
    ]
    units = [next(line["unit"] for key, line in of.items() if key[1] == f) for f in figures]
    return _table(
        ["video", *(f"{f}, {unit}" for f, unit in zip(figures, units, strict=True))], body
    )


def benchmark(folder):
    """A case a row, with its reference."""
    body = [
        [
            f"`{line['case']}`",
            f"{line['value']:,.4g} {line['unit']}",
            f"{line['reference_value']:,.4g} ({line['reference']})",
            f"{line['ratio']:.2f}",
        ]
        for line in _lines(folder)
    ]
    return _table(["case", "ours", "reference", "ratio"], body)


def printed(folder):
    """The table that the command prints."""
    text = (folder / "stdout.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith("|")]


RENDERERS = {
    "coco_errors": errors,
    "coco_summary": summary,
    "coco_times": times,
    "imagenet_errors": errors,
    "homographynet": intervals,
    "pairs": pairs,
    "traps": traps,
    "inference": inference,
    "pipeline": benchmark,
    "training": benchmark,
    "video": video,
    "ablation": printed,
    "doubt": printed,
    "calibration": printed,
}
