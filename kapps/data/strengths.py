"""A policy and a mix as they are, but weaker: what small pictures bear."""

import dataclasses
import functools
import inspect

from kapps.data import mixing
from kapps.data.augment import Policy, Step

# What of a step's arguments says how strong it is. Those that are drawn have none.
ARGUMENTS = {
    "randaugment": ("magnitude",),
    "augmix": ("severity",),
    "three-augment": ("strength",),
    "jitter": ("strength", "brightness", "contrast", "saturation", "hue"),
    "pca": ("deviation",),
    "erase": ("probability",),
}


def weaker(policy: Policy, share: float) -> Policy:
    """The policy with a share, 0 to 1, of the strength of each of its steps that has one."""
    steps = tuple(_weaker(step, share) for step in policy.steps)
    return dataclasses.replace(policy, steps=steps)


def _weaker(step: Step, share: float) -> Step:
    function, given = step.change.func, step.change.keywords
    defaults = inspect.signature(function).parameters
    values = {
        name: given.get(name, defaults[name].default) for name in ARGUMENTS.get(step.name, ())
    }
    scaled = {name: value * share for name, value in values.items() if value is not None}
    change = functools.partial(function, **{**given, **scaled})
    return dataclasses.replace(step, change=change)


def weaker_mix(mix: str | None, share: float, annotation: str = "class") -> str | None:
    """The mix with a share of its numbers: closer to pictures as they are; None for 0."""
    if mix is None or share == 0:
        return None
    alphas, often = mixing.parse(mix, annotation)
    parts = [f"{name}:{alpha * share:g}" for name, alpha in alphas.items()]
    return "+".join([*parts, f"share:{often:g}"] if often < 1 else parts)
