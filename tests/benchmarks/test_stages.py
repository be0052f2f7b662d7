"""The stages of the benchmark."""

import pytest

from keras_homography.benchmarks import interleaved_timing, stages
from keras_homography.utils.errors import UserError

KEYS = {
    "stage", "case", "value", "unit", "reference", "reference_value", "ratio", "threads", "machine",
    "date",
}  # fmt: skip


@pytest.mark.parametrize("stage", stages.STAGES)
def test_every_stage_can_be_imported(stage):
    measure = stages.STAGES[stage]()
    assert measure.__name__ == "measure"
    assert measure.__code__.co_argcount == 3


def test_a_measurement_names_its_stage_machine_and_date(monkeypatch):
    def measure(dataset, num_threads, seconds):
        assert (dataset, num_threads, seconds) == ("synthetic", 2, 0.1)
        yield interleaved_timing.result("case", 3.0, "ms", "other", 6.0, num_threads)

    monkeypatch.setitem(stages.STAGES, "mine", lambda: measure)
    # TensorFlow accepts these before it is used; the tests have used it.
    monkeypatch.setattr("tensorflow.config.threading.set_inter_op_parallelism_threads", int)
    monkeypatch.setattr(stages.environment, "limit_threads", int)
    config = stages.BenchmarkConfig("mine", num_threads=2, seconds=0.1)
    (measured,) = stages.run(config)
    assert set(measured) == KEYS
    assert (measured["stage"], measured["case"], measured["ratio"]) == ("mine", "case", 2.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stage": "speed"}, "no stage 'speed'; there are pipeline, train, inference"),
        ({"stage": "pipeline", "dataset": "nowhere"}, "there is no such folder"),
    ],
)
def test_mistakes_are_refused(fields, message):
    with pytest.raises(UserError, match=message):
        stages.BenchmarkConfig(**fields)
