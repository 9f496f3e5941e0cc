"""Conversions in a process of their own, on TensorFlow, and why one failed."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from kapps.errors import ExportError

_open: "_Child | None" = None


def environment() -> dict[str, str]:
    """The child's environment: TensorFlow on the CPU, quiet, and this very kapps."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Inside, all conversions share one process, which imports TensorFlow once."""
    global _open
    if _open is not None:
        yield
        return
    with _Child() as _open:
        try:
            yield
        finally:
            _open = None


def begin() -> None:
    """Let the process that is `kept` import TensorFlow while this one does something else."""
    _open.begin()


def run(job: dict, *, timeout: float = 3600.0) -> dict:
    """Convert in the process that is `kept`, else in one of its own.

    Args:
        job: see `kapps.export._convert.Worker.convert`.
        timeout: seconds.

    Raises:
        ExportError: the child refused, crashed or took longer than `timeout` seconds; one
            sentence with the end of what it said.
    """
    if _open is not None:
        return _open.convert(job, timeout)
    with _Child() as child:
        return child.convert(job, timeout)


class _Child:
    """A process that converts one job after the other; a new one after a crash."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="kapps-")
        self._process, self._jobs, self._turn = None, 0, threading.Lock()
        return self

    def __exit__(self, *error):
        self._end()
        self._folder.cleanup()

    def begin(self) -> None:
        """Start the process where there is none."""
        with self._turn:
            self._begin()

    def convert(self, job: dict, timeout: float) -> dict:
        """See `run`; threads take turns."""
        with self._turn:
            return self._convert(job, timeout)

    def _convert(self, job: dict, timeout: float) -> dict:
        self._jobs += 1
        folder = Path(self._folder.name)
        path, result = folder / f"job{self._jobs}.json", folder / f"result{self._jobs}.json"
        path.write_text(json.dumps({**job, "result": str(result)}), encoding="utf-8")
        self._begin()
        deadline = time.monotonic() + timeout
        with contextlib.suppress(BrokenPipeError):  # it died; its status says of what
            self._process.stdin.write(f"{path}\n")
            self._process.stdin.flush()
        while not result.exists():
            if self._process.poll() is not None and not result.exists():
                raise ExportError(_crash(self._process.returncode, self._end()))
            if time.monotonic() > deadline:
                self._end()
                raise ExportError(
                    f"the conversion took longer than {timeout:.0f} s and was stopped."
                )
            time.sleep(0.01)
        facts = json.loads(result.read_text(encoding="utf-8"))
        if "error" in facts:
            raise ExportError(facts["error"])
        return facts

    def _begin(self) -> None:
        if self._process is not None:
            return
        # Closed by _end: it lives as long as the process.
        said = Path(self._folder.name, "said.txt")
        self._said = open(said, "w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kapps.export._convert"],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            text=True,
        )

    def _end(self) -> str:
        """Stop the process; returns what it said on stderr."""
        if self._process is None:
            return ""
        self._process.kill()
        self._process.communicate()
        self._process = None
        with self._said as file:
            file.seek(0)
            return file.read()


def _crash(status: int, stderr: str) -> str:
    """One sentence from a process that ended without a result."""
    if status < 0:
        import signal

        name = signal.Signals(-status).name
        hint = "; there may not be enough memory" if name == "SIGKILL" else ""
        return f"the conversion process was stopped by {name}{hint}."
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if any("No module named 'tensorflow'" in line for line in lines):
        return "export needs TensorFlow for the conversion; `pip install 'kapps[tensorflow]'`."
    last = lines[-1][-300:] if lines else f"exit status {status}"
    return f"the conversion process failed: {last}"
