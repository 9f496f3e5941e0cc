"""Which run a job continues, and what may not have changed since it began."""

import dataclasses
from pathlib import Path

from kapps.errors import RunError
from kapps.runs.folder import SETTINGS, Run, environment, refuse_existing, resume_command

# What may differ when a run is continued, or between its hosts.
OF_THE_PROCESS = ("resume", "hosts", "host_index", "profile")


def resumable(settings, job: str) -> Run | None:
    """The run that a job should continue; None when it should create one. Nothing is written.

    Args:
        settings: resolved settings with the fields `out` and `resume`.
        job: "train" or "finetune".

    Raises:
        RunError: `out` exists without --resume; or it belongs to another job, to other settings or
            to another backend.
    """
    path = Path(settings.out)
    if not settings.resume or not (path / SETTINGS).exists():
        # With --resume too: what restarts a job cannot know whether it died before its first file.
        refuse_existing(path)
        return None
    run = Run.open(path)
    began = run.environment
    if began["job"] != job:
        raise RunError(f"{path} is a run of `kapps {began['job']}`, not of `kapps {job}`.")
    refuse_changes(run, settings)
    backend = environment(job)["backend"]
    if began["backend"] != backend:
        raise RunError(
            f"{path} was trained on {began['backend']} and this is {backend}; "
            f"resume with --backend {began['backend']}."
        )
    return run


def as_begun(settings):
    """The settings; to resume a run of an earlier version, which did not have all of them, those
    that it lacked mean what they meant then, see `kapps.cli.settings.setting`.

    Args:
        settings: with the fields `out` and `resume`, as the user gave them.

    Raises:
        RunError: one of them is given another value.
    """
    from kapps.cli.settings import before_there_was

    path = Path(settings.out)
    if not settings.resume or not (path / SETTINGS).exists():
        return settings
    old, defaults = Run.open(path).settings, type(settings).__dataclass_fields__
    changes = {k: v for k, v in before_there_was(type(settings)).items() if k not in old}
    for name, value in changes.items():
        if getattr(settings, name) not in (value, defaults[name].default):
            raise RunError(
                f"the run {path} was begun before there was the setting {name!r}, which is "
                f"{getattr(settings, name)!r} now; drop it or choose another --out."
            )
    return dataclasses.replace(settings, **changes)


def refuse_changes(run: Run, settings) -> None:
    """Raise RunError, naming the key, where `settings` differ from the run's."""
    from kapps.cli.settings import to_dict

    old = run.settings
    for key, value in to_dict(settings).items():
        if key not in OF_THE_PROCESS and key in old and old[key] != value:
            raise RunError(
                f"the run {run.path} was begun with {key}={old.get(key)!r}, not {value!r}; resume "
                f"with its own settings ({resume_command(run, run.environment['job'])}) or choose "
                "another --out."
            )
