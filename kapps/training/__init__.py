"""The engine under the recipes: optimiser, schedule, averaging, freezing, resume, distribution.

A training is one `engine.fit`, told by an `engine.Plan` and recorded in a `runs.Run`. Data order
and augmentation are functions of (seed, epoch), so a run that is killed and resumed ends where an
undisturbed one does.
"""
