"""Mixed precision: which Keras dtype policy to train in."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import keras
import tensorflow as tf

# x86: AVX-512 BF16 or AMX; ARM: BF16. Other CPUs emulate it, up to ten times slower than float32.
_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
_GPU_CAPABILITY = (8, 0)  # Ampere and later


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build the models inside the context under a Keras dtype policy.

    Args:
      name: Of the policy, such as "mixed_bfloat16".

    Yields:
      Nothing; the policy before is restored at the end.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def find_policy(
    mixed_precision: str, gpus: int, cpuinfo: str | os.PathLike[str] = "/proc/cpuinfo"
) -> str:
    """Return the Keras dtype policy that `--mixed_precision` asks for.

    Args:
      mixed_precision: "none", "bfloat16", "float16", or "auto": bfloat16 where the device computes
        in it, none where it would only emulate it.
      gpus: How many GPUs the model is trained on; 0 is the CPU.
      cpuinfo: File in which Linux describes the CPU; without it, "auto" is none.

    Returns:
      "float32", "mixed_bfloat16" or "mixed_float16".
    """
    if mixed_precision == "auto":
        mixed_precision = "bfloat16" if _computes_bfloat16(gpus, cpuinfo) else "none"
    return "float32" if mixed_precision == "none" else f"mixed_{mixed_precision}"


def _computes_bfloat16(gpus: int, cpuinfo: str | os.PathLike[str]) -> bool:
    if gpus:
        details = map(
            tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU")[:gpus]
        )
        return all(gpu.get("compute_capability", (0, 0)) >= _GPU_CAPABILITY for gpu in details)
    path = pathlib.Path(cpuinfo)
    flags = path.read_text(encoding="utf-8").split() if path.exists() else []
    return not _CPU_FLAGS.isdisjoint(flags)
