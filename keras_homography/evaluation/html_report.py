"""The report as one HTML file that needs no other."""

import base64
import html
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from keras_homography.evaluation import report_tables

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


class Picture(NamedTuple):
    """An image of a report.

    Attributes:
      title: above it.
      caption: below the title.
      path: of a PNG or JPEG file.
    """

    title: str
    caption: str
    path: pathlib.Path


def _table(table: report_tables.Table) -> str:
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in table.headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n"
        for cells in table.rows
    )
    return (
        f"<h2>{html.escape(table.title)}</h2>\n<div class=wide><table><thead><tr>{head}</tr>"
        f"</thead>\n<tbody>\n{body}</tbody></table></div>"
    )


def _image(picture: Picture) -> str:
    kind = "png" if picture.path.suffix == ".png" else "jpeg"
    encoded = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    return (
        f"<h2>{html.escape(picture.title)}</h2>\n"
        f"<p class=note>{html.escape(picture.caption)}</p>\n"
        f'<img alt="{html.escape(picture.title)}" src="data:image/{kind};base64,{encoded}">'
    )


def page(text: report_tables.ReportText, pictures: Sequence[Picture]) -> str:
    """Format a report as HTML that opens from disk and loads nothing.

    Args:
      text: of the report.
      pictures: embedded at the end.
    """
    title = html.escape(text.title)
    parts = [f"<h1>{title}</h1>"]
    parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in text.settings]
    parts += [_table(table) for table in text.tables]
    parts.append(f"<p class=note>{html.escape(text.definitions)}</p>")
    parts += [_image(picture) for picture in pictures]
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
