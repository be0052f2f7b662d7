"""Benchmark of training: steps by precision and compilation, waiting for pairs, time to start."""

import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from keras_homography import models
from keras_homography.benchmarks import interleaved_timing, pipeline
from keras_homography.training import mixed_precision, optimizers, trainable_model

BATCH_SIZE = 32
_MAX_SECONDS_TO_START = 20.0
_MAX_PERCENT_WAITING = 5.0

_Batch: TypeAlias = tuple[tf.Tensor, tf.Tensor]  # patches and h4pt


def _compile(name: str, policy: str, jit_compile: bool = False) -> keras.Model:
    keras.utils.set_random_seed(0)
    with mixed_precision.dtype_policy(policy):
        optimizer = optimizers.build_optimizer("adam", learning_rate=1e-4, clip_norm=20.0)
        return trainable_model.compile_model(
            models.build(name), optimizer, loss="corner", rho=32, jit_compile=jit_compile
        )


def _rates(name: str, batch: _Batch, seconds: float) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield `(case, (pairs/s, pairs/s in float32 without XLA))`."""

    def stepper(policy: str, jit_compile: bool) -> Callable[[], object]:
        model = _compile(name, policy, jit_compile)
        model.train_on_batch(*batch)  # traced and compiled
        return functools.partial(model.train_on_batch, *batch)

    def rate(step: Callable[[], object]) -> float:
        return interleaved_timing.rate(step, BATCH_SIZE, seconds)

    reference = stepper("float32", jit_compile=False)
    for case, policy, jit_compile in [
        ("bfloat16", "mixed_bfloat16", False),
        ("float32_xla", "float32", True),
        ("bfloat16_xla", "mixed_bfloat16", True),
    ]:
        step = stepper(policy, jit_compile)
        yield (
            case,
            interleaved_timing.in_turns(
                functools.partial(rate, step), functools.partial(rate, reference)
            ),
        )


def _percent_waiting(batches: tf.data.Dataset, steps: int = 12) -> float:
    """Measure how much of the time of training HomographyNet is spent waiting for pairs."""
    model = _compile("homographynet", "mixed_bfloat16")
    endless = iter(batches)
    model.train_on_batch(*next(endless))
    waited, begin = 0.0, time.perf_counter()
    for _ in range(steps):
        request = time.perf_counter()
        batch = next(endless)
        waited += time.perf_counter() - request
        model.train_on_batch(*batch)
    return 100.0 * waited / (time.perf_counter() - begin)


def _seconds_to_start(name: str, dataset: str) -> float:
    """Measure the time from the command to the end of the first step."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "keras_homography.train"]
        flags = [f"--model={name}", f"--dataset={dataset}", f"--batch_size={BATCH_SIZE}"]
        begin = time.perf_counter()
        with subprocess.Popen(
            [*command, *flags, f"--output_dir={folder}/run"], stdout=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdout is not None
            output = b""
            while b"loss" not in output:  # which the progress bar shows after a step
                chunk = process.stdout.read(16)
                if not chunk:
                    raise RuntimeError(f"Training ended before its first step: {output!r}")
                output += chunk
            seconds = time.perf_counter() - begin
            process.kill()
    return seconds


def measure(dataset: str, num_threads: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Measure every case.

    Args:
      dataset: a folder of images, or "synthetic".
      num_threads: that TensorFlow uses.
      seconds: of each turn, at least one step each.

    Yields:
      Rows of `interleaved_timing.result`: pairs/s of both architectures in bfloat16 and with XLA,
      against float32 without; the share of training that waits for pairs; the time to the first
      step.
    """
    pairs_per_image = 32 if dataset == "synthetic" else 8
    batches = pipeline.pairs(dataset, "auto", pairs_per_image, BATCH_SIZE)
    batch = next(iter(batches))
    for name in ("homographynet", "cascade"):
        for case, (ours, reference) in _rates(name, batch, seconds):
            yield interleaved_timing.result(
                f"{name}_{case}", ours, "pairs/s", f"{name}_float32", reference, num_threads
            )
    yield interleaved_timing.result(
        "waiting_for_pairs",
        _percent_waiting(batches),
        "% of a step",
        "at most",
        _MAX_PERCENT_WAITING,
        num_threads,
    )
    for name in ("homographynet", "cascade"):
        yield interleaved_timing.result(
            f"{name}_start_to_first_step",
            _seconds_to_start(name, dataset),
            "s",
            "at most",
            _MAX_SECONDS_TO_START,
            num_threads,
        )
