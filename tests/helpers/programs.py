"""Run programs of the package without waiting for TensorFlow each time.

They run in forks of a process that has imported TensorFlow, which takes a new process 4 s. A test
that needs a new process, such as one with other environment variables, starts one itself.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["cv2", "tensorflow", "keras", "ai_edge_litert.interpreter"])


def run(module, *arguments, cwd=None, timeout=300):
    """Run `python -m module` and return its `CompletedProcess`, output as text."""
    return _run(_run_module, module, arguments, cwd, timeout)


def run_code(code, *arguments, cwd=None, timeout=300):
    """Run `python -c code` and return its `CompletedProcess`, output as text."""
    return _run(_run_code, code, arguments, cwd, timeout)


def start(module, *arguments, output):
    """Start `python -m module` and return its `multiprocessing.Process`.

    `output` is the path of the file that receives stdout and stderr.
    """
    process_arguments = (_run_module, module, arguments, None, [output, output])
    child = _PROCESSES.Process(target=_main, args=process_arguments)
    child.start()
    return child


def start_script(code, *arguments):
    """Start `python -c code`, which needs no TensorFlow, in a process of its own; wait for a line.

    Returns its `subprocess.Popen`, and the line as its `first_line`.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.first_line = process.stdout.readline()
    return process


def _run(function, what, arguments, cwd, timeout):
    with tempfile.TemporaryDirectory() as folder:
        outputs = [pathlib.Path(folder) / name for name in ("stdout", "stderr")]
        child = _PROCESSES.Process(target=_main, args=(function, what, arguments, cwd, outputs))
        child.start()
        child.join(timeout)
        if child.is_alive():
            child.kill()
            raise subprocess.TimeoutExpired(what, timeout)
        texts = [path.read_text(encoding="utf-8") for path in outputs]
        return subprocess.CompletedProcess([what, *arguments], child.exitcode, *texts)


def _main(function, what, arguments, cwd, outputs):
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(cwd or ".")
    function(what, arguments)


def _run_module(module, arguments):
    sys.argv = [module, *arguments]
    sys.orig_argv = [sys.executable, "-m", module, *arguments]  # as a process of its own has it
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_code(code, arguments):
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
