"""Plots are drawn at the values of the results."""

import numpy as np
import pytest

from keras_homography.evaluation import error_plots
from keras_homography.evaluation.conditions import CLEAN, Condition

BLUR = [Condition("blur", 0.5), Condition("blur", 2.0)]


@pytest.fixture
def shifted(make_results):
    """A function to results that are all wrong by some pixels."""

    def make(shift, conditions=(CLEAN,), name="mine"):
        (result,) = make_results(np.zeros([40, 4, 2]))
        return make_results(result.h4pt_true + np.array([shift, 0]), conditions, name)

    return make


def test_the_distribution_steps_where_the_errors_are(shifted):
    figure = error_plots.error_distribution([*shifted(2), *shifted(5, name="worse")])
    better, worse, _ = figure.axes[0].lines  # and the line at 1 px
    np.testing.assert_allclose(better.get_xdata(), 2)
    np.testing.assert_allclose(worse.get_xdata(), 5)
    assert better.get_ydata().max() == 1
    assert better.get_color() != worse.get_color()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mine", "worse"]


def test_the_error_is_drawn_over_the_displacement(shifted):
    (result,) = shifted(2)
    figure = error_plots.error_by_displacement([result])
    medians, p90s = figure.axes[0].lines
    np.testing.assert_allclose(medians.get_ydata(), 2)
    np.testing.assert_allclose(p90s.get_ydata(), 2)
    assert np.mean(medians.get_xdata()) == pytest.approx(result.displacements.mean())
    assert figure.axes[0].get_title() == "clean"


def test_the_error_is_drawn_over_every_strength_and_none(shifted):
    results = [*shifted(1), *shifted(2, BLUR[:1]), *shifted(4, BLUR[1:])]
    figure = error_plots.error_by_strength(results)
    (panel,) = figure.axes
    assert panel.get_title() == "blur"
    medians, _ = panel.lines
    np.testing.assert_allclose(medians.get_xdata(), [0, 0.5, 2])
    np.testing.assert_allclose(medians.get_ydata(), [1, 2, 4])
    assert error_plots.error_by_strength(results[:1]) is None


def test_a_distortion_has_a_panel_at_its_strength_nearest_to_the_default(shifted):
    results = [*shifted(1), *shifted(2, BLUR)]
    figure = error_plots.error_distribution(results)
    assert [panel.get_title() for panel in figure.axes] == ["clean", "blur x0.5"]


@pytest.mark.parametrize(
    "plot",
    [
        error_plots.error_distribution,
        error_plots.error_by_displacement,
        error_plots.error_by_strength,
    ],
)
def test_missing_and_huge_answers_stay_within_the_axes(make_results, plot, tmp_path):
    h4pt = np.full([6, 4, 2], np.nan)
    h4pt[2:] = 1e12
    h4pt[5] = 0
    figure = plot(make_results(h4pt, [CLEAN, *BLUR]))
    figure.savefig(tmp_path / "plot.png")
    for panel in figure.axes:
        assert np.isfinite([*panel.get_xlim(), *panel.get_ylim()]).all()
        assert all(np.isfinite(line.get_ydata()).all() for line in panel.lines)
