"""The `kapps` command: a thin face on the jobs of kapps.recipes.

`kapps --help` and the choice of a job import nothing but this file; a job's module is imported when
the job is chosen, and Keras when the job needs it.
"""

import importlib
import os
import sys

from kapps.cli import _console, settings
from kapps.errors import SettingsError, did_you_mean

JOBS = {
    "list": "the models: size, parameters, MACs, published weights",
    "info": "everything about one model",
    "draw": "a picture of a network or of a block of it, from its graph",
    "compare": "how architectures differ, and what accuracy costs in each",
    "train": "train a model from scratch",
    "finetune": "teach a pretrained model your own classes",
    "tune": "search the settings of a training: learning rate, decay, augmentation, size",
    "soup": "average runs of one network: often better than the best of them",
    "recipes": "the configurations that come with kapps",
    "report": "a page to look at, of one run or of several side by side",
    "evaluate": "accuracy and confusion matrix of a model, a run or a .tflite",
    "predict": "classify images",
    "explain": "show what in a picture speaks for an answer, and what layers see",
    "export": "make a verified bundle for a phone (.tflite), a SavedModel or ONNX",
    "benchmark": "milliseconds, megabytes, operations and accuracy of what was exported",
    "data": "look at a data set, check it, or write it as shards",
    "weights": "fetch, list, verify and clear published weights",
    "demo": "the whole path on real images in a few minutes, with a report",
}
EXAMPLES = """\
  kapps predict cat.jpg
  kapps finetune --data folder:photos --out runs/photos
  kapps export runs/photos --quantize int8 --calibrate folder:photos --out phone
  kapps list 'MobileNet*' --max-params 5e6
"""


def help_text() -> str:
    """What `kapps --help` prints."""
    width = max(map(len, JOBS))
    jobs = "\n".join(f"  {name:{width}}  {line}" for name, line in JOBS.items())
    return (
        "usage: kapps [--backend tensorflow|jax|torch] JOB ...\n\n"
        "Image models for Keras 3, from a photo to a phone.\n\n"
        f"jobs (kapps JOB --help tells more):\n{jobs}\n\n"
        f"examples:\n{EXAMPLES}\n"
        "KAPPS_HOME moves the cache of weights, KAPPS_OFFLINE=1 keeps off the network,\n"
        "KERAS_BACKEND chooses a backend for good, KAPPS_DEBUG=1 shows tracebacks and all logs.\n"
    )


def main(argv: list[str] | None = None) -> int:
    """Run `kapps ARGV...`; the status is that of `settings.main`."""
    words = list(sys.argv[1:] if argv is None else argv)
    status = 0

    def chosen() -> None:
        nonlocal status
        status = _dispatch(words)

    return _console.guarded(chosen) or status


def _dispatch(words: list[str]) -> int:
    backend = _take_backend(words)
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return 0
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"kapps {version('kapps')}")
        return 0
    job, *rest = words
    if job not in JOBS:
        guess = did_you_mean(job, JOBS, otherwise=f"; the jobs are {', '.join(JOBS)}.")
        raise SettingsError(f"{job!r} is not a job of kapps{guess}")
    if backend:
        os.environ["KERAS_BACKEND"] = backend  # checked with the job's own flags
    module = importlib.import_module(f"kapps.recipes.{job}")
    return settings.main(module.Settings, module.run, rest, prog=f"kapps {job}")


def _take_backend(words: list[str]) -> str | None:
    """Remove a `--backend NAME` or `--backend=NAME` that stands before the job."""
    if words and words[0].startswith("--backend="):
        return words.pop(0).partition("=")[2]
    if words and words[0] == "--backend":
        if len(words) < 2:
            raise SettingsError("--backend needs a value: tensorflow, jax or torch.")
        words.pop(0)
        return words.pop(0)
    return None


if __name__ == "__main__":
    sys.exit(main())
