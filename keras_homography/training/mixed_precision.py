"""The type of numbers that hidden layers are computed in."""

import contextlib
import pathlib

import keras
import tensorflow as tf

AUTO = "auto"
# x86: AVX-512 BF16 or AMX; ARM: BF16. Others imitate it: slower than float32, up to ten times.
_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
_GPU_CAPABILITY = (8, 0)  # Ampere and later


@contextlib.contextmanager
def dtype_policy(name):
    """Builds the models within under a Keras dtype policy, such as "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def find_policy(mixed_precision, gpus, cpuinfo="/proc/cpuinfo"):
    """The Keras dtype policy that `--mixed_precision` asks for.

    Args:
      mixed_precision: "none", "bfloat16", "float16", or "auto": bfloat16 where the device computes
        in it, none where it would only imitate it.
      gpus: on how many the model is trained; 0 is the CPU.
      cpuinfo: file in which Linux describes the CPU; where there is none, "auto" is none.

    Returns:
      "float32", "mixed_bfloat16" or "mixed_float16".
    """
    if mixed_precision == AUTO:
        mixed_precision = "bfloat16" if _computes_bfloat16(gpus, cpuinfo) else "none"
    return "float32" if mixed_precision == "none" else f"mixed_{mixed_precision}"


def _computes_bfloat16(gpus, cpuinfo):
    if gpus:
        details = map(
            tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU")[:gpus]
        )
        return all(each.get("compute_capability", (0, 0)) >= _GPU_CAPABILITY for each in details)
    path = pathlib.Path(cpuinfo)
    flags = path.read_text(encoding="utf-8").split() if path.exists() else []
    return not _CPU_FLAGS.isdisjoint(flags)
