"""The run folder: what a training leaves behind, and what the other jobs read.

    settings.yaml      the resolved settings          best.keras    of the best epoch
    environment.json   versions, devices, command     last.keras    after the last epoch
    labels.txt         one class a line, in order     metrics.csv   one row an epoch
    spec.json          input contract of the model    metrics.json  the same, and the best row
    tensorboard/       event files                    backup/       what --resume needs
    report.html        all of it, to look at          findings.json what the best epoch answers
    learning_rate.html, .json  of find_lr             profile.json  of profile

Each file is written whole or not at all.
"""

from kapps.runs.folder import SETTINGS, Run, refuse_existing, resume_command
from kapps.runs.ranking import COLUMNS, Metric, best_row, columns, rank
from kapps.runs.resuming import as_begun, resumable

__all__ = [
    "COLUMNS",
    "SETTINGS",
    "Metric",
    "Run",
    "as_begun",
    "best_row",
    "columns",
    "rank",
    "refuse_existing",
    "resumable",
    "resume_command",
]
