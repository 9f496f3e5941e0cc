"""Child processes that need not import Keras first: copies of a process that has.

Importing Keras and a backend takes longer than most of what a child is started for. One process for
each backend has imported both and computed nothing, and is asked to fork. What it makes is a
process of its own, with its environment, stdout and stderr, that ends by a status or a signal.
"""

import importlib
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Not the jobs: `python -m` warns where its module is there already.
IMPORTED = ("keras", "sklearn.datasets", "kapps.training.engine", "kapps.training.pictures")
PATIENCE = 600.0  # seconds until a child that does not end is killed
_servers: dict[str, subprocess.Popen] = {}


class Child:
    """A process that does what `python *argv` does in the root of this repository.

    Args:
        argv: "-m" and a module, "-c" and code, or a file; then the words that it is told.
        env: its environment; KERAS_BACKEND says of which process it is a copy.
    """

    def __init__(self, argv: list[str], env: dict[str, str]):
        self.argv, self._server = argv, _server(env)
        with tempfile.NamedTemporaryFile(delete=False) as out:
            self._files = Path(out.name), Path(f"{out.name}.err")
        out, err = map(str, self._files)
        self.pid = _ask(self._server, {"argv": argv, "env": env, "out": out, "err": err})

    def lives(self) -> bool:
        """Whether it has not ended yet."""
        return bool(_ask(self._server, {"lives": self.pid}))

    def wait(self) -> subprocess.CompletedProcess:
        """What became of it; a signal is a negative status."""
        status = _ask(self._server, {"wait": self.pid})
        said = [path.read_text() for path in self._files]
        for path in self._files:
            path.unlink()
        return subprocess.CompletedProcess(self.argv, status, *said)


def run(argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess:
    """See `Child`."""
    return Child(argv, env).wait()


def instead_of_spawning() -> None:
    """What this process would start with all to import again is a copy of it, too."""
    of_kind = multiprocessing.get_context
    multiprocessing.get_context = lambda kind=None: of_kind("fork" if kind == "spawn" else kind)


def _server(env: dict[str, str]) -> subprocess.Popen:
    backend = env["KERAS_BACKEND"]
    if backend not in _servers:
        _servers[backend] = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"], cwd=ROOT, env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
    return _servers[backend]


def _ask(server: subprocess.Popen, question: dict) -> int:
    server.stdin.write(json.dumps(question) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


def serve() -> None:
    """Fork, and tell of what was forked, as each line of stdin asks; until it ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")  # JAX has no threads yet
    ended: dict[int, int] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "lives" in question:
            print(int(not _has_ended(question["lives"], ended)), flush=True)
        elif "wait" in question:
            print(_status(question["wait"], ended), flush=True)
        elif pid := os.fork():
            print(pid, flush=True)
        else:
            _become(**question)
            return


def _has_ended(pid: int, ended: dict[int, int]) -> bool:
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return False
        ended[pid] = os.waitstatus_to_exitcode(status)
    return True


def _status(pid: int, ended: dict[int, int]) -> int:
    deadline = time.monotonic() + PATIENCE
    while not _has_ended(pid, ended):
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.005)
    return ended.pop(pid)


def _become(argv: list[str], env: dict[str, str], out: str, err: str) -> None:
    os.setsid()  # to be killed with what it starts
    os.environ.clear()
    os.environ.update(env)
    for stream, path in enumerate((os.devnull, out, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT if stream else os.O_RDONLY)
        os.dup2(file, stream)
        os.close(file)
    kind, *words = argv
    if kind == "-c":
        sys.argv = ["-c", *words[1:]]
        exec(words[0], {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    serve()
