"""Tables in Markdown and HTML."""

import html.parser

import numpy as np
import pytest

from keras_homography.evaluation import html_report, protocols, report_tables


class Collector(html.parser.HTMLParser):
    """The sources of images in a page, and the tags that are not closed."""

    def __init__(self):
        super().__init__()
        self.sources, self.open = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.sources += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def measured(make_results):
    """Contents of `metrics.json`, with a name that could break a page or a table."""
    protocol = protocols.get_protocol("paper256")
    (result,) = make_results(np.zeros([3, 4, 2]), name="<script>alert(1)</script>|&")
    row = {**result.as_row(protocol), "parameters": 1234, "file_bytes": 5_600_000}
    return {
        "dataset": "a<b",
        "photos": None,
        "photos_skipped": None,
        "protocol": protocol.as_json(),
        "paper_doubling": False,
        "pairs": 3,
        "seed": 1,
        "threads": {"opencv": 2},
        "environment": dict.fromkeys(
            ("date", "keras_homography", "tensorflow", "keras", "opencv", "machine"), "x"
        ),
        "peak_memory_mb": 12.0,
        "rows": [row],
    }


def test_names_of_estimators_cannot_break_a_table(measured):
    lines = report_tables.markdown(report_tables.describe(measured)).splitlines()
    tables = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    results, networks = tables[:3], tables[3:]
    assert {line.count("|") for line in results} == {len(report_tables.HEADINGS) + 1}
    assert {line.count("|") for line in networks} == {3 + 1}
    assert "| 1,234 | 5.6 MB |" in networks[-1]


def test_the_page_is_well_formed_and_loads_nothing(measured, tmp_path):
    (tmp_path / "plot.png").write_bytes(b"png")
    (tmp_path / "sheet.jpg").write_bytes(b"jpeg")
    pictures = [
        html_report.Picture("<", "caption", tmp_path / name) for name in ("plot.png", "sheet.jpg")
    ]
    text = html_report.page(report_tables.describe(measured), pictures)
    page = Collector()
    page.feed(text)
    assert page.open == []
    assert page.sources == ["data:image/png;base64,cG5n", "data:image/jpeg;base64,anBlZw=="]
    assert "<script>" not in text
    assert "http" not in text


def test_settings_name_what_the_paper_reports(measured):
    text = " ".join(report_tables.settings(measured))
    assert "HomographyNet (regression) 9.2, ORB + RANSAC 11.7, identity 49.1" in text
    assert "matrix rescaled" in text
    text = " ".join(report_tables.settings({**measured, "paper_doubling": True}))
    assert "offsets scaled as in the paper" in text


@pytest.mark.parametrize(
    ("value", "expected"), [(0.12345, "0.123"), (12.345, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_about_three_digits(value, expected):
    assert report_tables.format_number(value) == expected
