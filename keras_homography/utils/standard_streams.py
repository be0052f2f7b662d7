"""Standard streams that may be closed, and programs that are interrupted.

Imports nothing but the standard library: it is in force before anything else is imported.
"""

import _thread
import contextlib
import os
import signal
import sys
import threading
import types

_AGAIN = 0.05  # seconds after which an interrupt that a finalizer swallowed is raised again


def open_missing() -> None:
    """Open the standard streams that are closed on `os.devnull`, and let names of any bytes pass.

    Otherwise the next file that is opened would take the place of standard error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def print_error(text: object, end: str = "\n") -> None:
    """Print to standard error, if anybody listens."""
    with contextlib.suppress(OSError, ValueError):
        print(text, end=end, file=sys.stderr, flush=True)


def discard_output() -> None:
    """Send to nowhere what standard output still holds, as nobody can read it."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is a `KeyboardInterrupt`, or what an import made of one."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _interrupt_main() -> None:
    """Interrupt the main thread, also while it waits in a system call where the system can."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


def interrupt_quietly() -> None:
    """Let this process end with one line instead of a traceback when Ctrl-C is pressed.

    Also where Python itself would lose the interrupt: in a finalizer.
    """

    def show(
        kind: type[BaseException], error: BaseException, traceback: types.TracebackType | None
    ) -> None:
        if is_interrupt(error):
            print_error("Interrupted.")
        else:
            sys.__excepthook__(kind, error, traceback)

    def raise_again(unraisable: "sys.UnraisableHookArgs") -> None:
        if not is_interrupt(unraisable.exc_value):
            sys.__unraisablehook__(unraisable)
            return
        # It came while `__del__` ran. No exception leaves that, nor this function.
        timer = threading.Timer(_AGAIN, _interrupt_main)
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # the interpreter ends anyway
            timer.start()

    sys.excepthook = show
    sys.unraisablehook = raise_again
