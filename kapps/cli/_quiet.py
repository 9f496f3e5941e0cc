"""Keep the start-up chatter of compiled libraries off a job's stderr.

TensorFlow, XLA and LiteRT write lines such as "I0000 00:00:1795306230 port.cc:153] oneDNN ..." to
file descriptor 2, whatever TF_CPP_MIN_LOG_LEVEL says and before Python could catch them. A small
forked process reads that descriptor and lets everything else through; Python's own stderr does not
pass by it, so progress bars and tracebacks are untouched. A thread could not do this: a library
that fills the pipe while it holds the interpreter lock would wait for ever.
"""

import contextlib
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator

NOISE = re.compile(
    rb"[IWE]\d{4} [\d:. ]+\S+:\d+\] "  # absl: I0000 00:00:1795306230.576133 5741 port.cc:153] ...
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "  # TensorFlow before 2.17
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|INFO: (Created|Initialized) TensorFlow Lite"
    rb"|INFO: Created LiteRT"
)
COULD_BE_NOISE = re.compile(rb"[IWE]($|\d|NFO|ARN)|\d{1,4}(-|$)")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Filter descriptor 2 during the block; does nothing under KAPPS_DEBUG or where it cannot."""
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not _can_filter():
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    reading, writing = os.pipe()
    # Ctrl-C goes to every process of a job: the child must not hear it before it ignores it.
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the job; this ends with it
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        os.close(writing)
        _pass_on(reading, terminal)
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    os.close(reading)
    os.dup2(writing, 2)
    os.close(writing)
    before = sys.stderr
    sys.stderr = os.fdopen(terminal, "w", 1, errors="backslashreplace", closefd=False)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(terminal, 2)  # closes the pipe, unless a child of ours still holds it
        os.close(terminal)
        _wait(child, seconds=1.0)


def _can_filter() -> bool:
    try:
        is_real = sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False  # a notebook or a test put its own object there
    alone = threading.active_count() == 1 and not {"tensorflow", "jax", "torch"} & set(sys.modules)
    return is_real and alone and hasattr(os, "fork") and not os.environ.get("KAPPS_DEBUG")


def _pass_on(source: int, target: int) -> None:
    """Copy `source` to `target` until it ends, without the lines that are noise."""
    held = b""
    while chunk := os.read(source, 65536):
        *lines, held = (held + chunk).split(b"\n")
        text = b"".join(line + b"\n" for line in lines if not NOISE.match(line))
        if held and not COULD_BE_NOISE.match(held):
            text, held = text + held, b""
        os.write(target, text)
    if not NOISE.match(held):
        os.write(target, held)


def _wait(child: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0) and time.monotonic() < end:
        time.sleep(0.002)
