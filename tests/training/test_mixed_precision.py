import pytest
import tensorflow as tf

from keras_homography.training import mixed_precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512_bf16", "mixed_bfloat16"),  # x86
        ("amx_bf16 amx_tile", "mixed_bfloat16"),
        ("fp asimd bf16", "mixed_bfloat16"),  # ARM
        ("fpu avx2 avx512f", "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_cpu_computes_in_it(tmp_path, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert mixed_precision.find_policy("auto", 0, cpuinfo) == expected
    assert mixed_precision.find_policy("none", 0, cpuinfo) == "float32"
    assert mixed_precision.find_policy("bfloat16", 0, cpuinfo) == "mixed_bfloat16"


def test_auto_is_float32_where_nothing_describes_the_cpu(tmp_path):
    assert mixed_precision.find_policy("auto", 0, tmp_path / "none") == "float32"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [([(8, 0)], "mixed_bfloat16"), ([(9, 0), (7, 5)], "float32"), ([None], "float32")],
)
def test_auto_looks_at_the_gpus_that_are_used(monkeypatch, capabilities, expected):
    gpus = [*capabilities, (7, 0)]  # the last is there, and not used
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {} if gpu is None else {"compute_capability": gpu},
    )
    assert mixed_precision.find_policy("auto", len(capabilities)) == expected
