"""Optimiser, weight decay and averaged weights."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kapps.training.state import to_numpy

# Peak and weight decay used when a job names none. Lion's are the ratio that its paper gives to
# AdamW's; adam, adagrad and rmsprop had no decay in their papers.
DEFAULTS = {
    "adamw": (1e-3, 0.01),
    "sgd": (0.05, 0.01),
    "adam": (1e-3, 0.0),
    "adagrad": (0.01, 0.0),
    "rmsprop": (1e-3, 0.0),
    "lamb": (5e-3, 0.02),
    "lion": (1e-4, 0.1),
    "muon": (1e-3, 0.01),
}
OPTIMIZERS = tuple(DEFAULTS)
COUPLED = ("adam", "adagrad", "rmsprop")  # weight decay enters the gradient, as in their papers
# What Keras's class has of what a person may set.
KNOWN = {
    "sgd": ("momentum", "nesterov"),
    "rmsprop": ("momentum", "beta_2", "epsilon"),
    "adagrad": ("epsilon",),
    "lion": ("beta_1", "beta_2"),
    "adamw": ("beta_1", "beta_2", "epsilon"),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "lamb": ("beta_1", "beta_2", "epsilon"),
    "muon": ("beta_1", "beta_2", "epsilon"),
}


@dataclass(frozen=True, kw_only=True)
class Updates:
    """How gradients become updates of the weights; the settings of the same names.

    Attributes:
        optimizer: one of OPTIMIZERS.
        weight_decay: of variables of two dimensions or more, not of norms and biases. Decoupled:
            each step shrinks a weight by `learning_rate * weight_decay` of it (Loshchilov and
            Hutter, 2017, arXiv:1711.05101). "lamb" has it in the step that it scales; "adam",
            "adagrad" and "rmsprop" add it to the gradient as their papers do, so there it is `l2`.
        l1, l2: added to the gradient, see `optimizers.PerVariable`; both are the elastic net. The
            loss that is shown is without them.
        momentum: of "sgd" and "rmsprop".
        nesterov: of "sgd": with Nesterov's momentum, or heavy-ball.
        beta_1, beta_2, epsilon: of the optimiser; None for Keras's (of "lamb" 1e-6 as in timm).
        ema: momentum of the averaged weights per update, 0 for none.
        accumulate: batches whose gradients are averaged into one update.
        clip_norm: bound on the norm of all gradients together; None for none.
        clip_adaptive: bound on the norm of each unit's gradient relative to its weights, such as
            0.01; None for none. Not of the classifier.
        lookahead: updates between the steps of Lookahead, such as 6; 0 for none.
        layer_decay, learning_rate_scales: see `groups.learning_rates`.
    """

    optimizer: str = "adamw"
    weight_decay: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    momentum: float = 0.9
    nesterov: bool = True
    beta_1: float | None = None
    beta_2: float | None = None
    epsilon: float | None = None
    ema: float = 0.0
    accumulate: int = 1
    clip_norm: float | None = None
    clip_adaptive: float | None = None
    lookahead: int = 0
    layer_decay: float = 1.0
    learning_rate_scales: tuple[str, ...] = ()


def check(how: Updates) -> None:
    """Refuse numbers out of range and settings that the optimiser does not have.

    Raises:
        ValueError: one sentence that names the setting.
    """
    if how.optimizer not in OPTIMIZERS:
        names = ", ".join(OPTIMIZERS)
        raise ValueError(f"optimizer={how.optimizer!r} is not known; use one of {names}.")
    for name in ("ema", "momentum", "beta_1", "beta_2"):
        value = getattr(how, name)
        if value is not None and not 0 <= value < 1:
            raise ValueError(f"{name}={value} is out of range; use 0 up to below 1.")
    for name in ("weight_decay", "l1", "l2", "lookahead"):
        if getattr(how, name) < 0:
            raise ValueError(f"{name}={getattr(how, name)} is out of range; use 0 or more.")
    for name in ("accumulate", "clip_norm", "clip_adaptive", "epsilon"):
        value = getattr(how, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value} is out of range; use more than 0.")
    if how.lookahead == 1:
        raise ValueError("lookahead=1 is no lookahead; use 0 (off), or 5 or 6 as its paper does.")
    if not 0 < how.layer_decay <= 1:
        raise ValueError(
            f"layer_decay={how.layer_decay} is out of range; use 1 (off) or less, such as 0.75."
        )
    for name in ("beta_1", "beta_2", "epsilon"):
        if getattr(how, name) is not None and name not in KNOWN[how.optimizer]:
            raise ValueError(
                f"{name}={getattr(how, name)} is no setting of optimizer={how.optimizer}; drop it."
            )


def make_optimizer(model, schedule, how: Updates, *, network=None, reducible: bool = False):
    """A Keras optimiser for `model`.

    Args:
        model: the model it will train; its norms and biases (every variable of fewer than two
            dimensions) take no weight decay.
        schedule: learning rate or schedule, counted in batches.
        how: everything else.
        network: the functional part of `model` whose layers have names; None for `model` itself.
        reducible: the optimiser has a variable `reduction` that multiplies the rate.

    Raises:
        ValueError: an unknown name or a number out of range.
    """
    import keras

    check(how)
    coupled = how.optimizer in COUPLED
    common = {
        "weight_decay": None if coupled else how.weight_decay or None,
        "global_clipnorm": how.clip_norm,
        "use_ema": how.ema > 0,
        # Keras averages after every batch, also where no update happened.
        "ema_momentum": how.ema ** (1 / how.accumulate) if how.ema else 0.99,
        "gradient_accumulation_steps": how.accumulate if how.accumulate > 1 else None,
    }
    extra = _beyond_keras(model.trainable_variables, network or model, how, reducible)
    own = {name: getattr(how, name) for name in KNOWN[how.optimizer]}
    own = {name: value for name, value in own.items() if value is not None}
    # Keras's AdamW refuses "no weight decay"; Adam with decay is the same rule.
    name = {"sgd": "SGD", "rmsprop": "RMSprop", "adamw": "Adam"}.get(
        how.optimizer, how.optimizer.capitalize()
    )
    if how.optimizer == "rmsprop" and "beta_2" in own:
        own["rho"] = own.pop("beta_2")
    if how.optimizer == "muon":
        own = {f"adam_{k}" if k.startswith("beta") else k: value for k, value in own.items()}
    if extra or how.optimizer in ("lamb", "muon"):
        from kapps.training import groups, optimizers

        if how.optimizer == "lamb":
            own.setdefault("epsilon", 1e-6)
        if how.optimizer == "muon":
            own["exclude_layers"] = [
                f"^{re.escape(p)}$" for p in groups.classifier_paths(network or model)
            ]
        optimizer = getattr(optimizers, name)(schedule, **own, **common, **extra)
    else:
        optimizer = getattr(keras.optimizers, name)(schedule, **own, **common)
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    return optimizer


def _beyond_keras(variables: list, network, how: Updates, reducible: bool) -> dict:
    """The arguments of `optimizers.PerVariable` that `how` asks for."""
    from kapps.training import groups

    extra = {}
    if how.l1:
        extra["l1"] = how.l1
    l2 = how.l2 + (how.weight_decay if how.optimizer in COUPLED else 0.0)
    if l2:
        extra["l2"] = l2
    if how.clip_adaptive:
        extra["clip_adaptive"] = how.clip_adaptive
        extra["unit_axes"] = groups.unit_axes(network, variables)
    if how.lookahead:
        extra["lookahead"] = how.lookahead
    if how.layer_decay != 1 or how.learning_rate_scales:
        extra["rates"] = groups.learning_rates(
            network, how.layer_decay, how.learning_rate_scales, variables
        )
    if reducible:
        extra["reducible"] = True
    return extra


def reduce_rate(model, factor: float, least: float = 0.0) -> None:
    """Multiply the learning rate of a compiled model, whose optimiser is `reducible`, by `factor`.

    What it becomes is a variable of the optimiser's, so a resumed run has it.

    Args:
        model: the compiled model.
        factor: below 1.
        least: the product of all factors does not fall below it.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    optimizer.reduction.assign(max(float(to_numpy(optimizer.reduction)) * factor, least))


@contextlib.contextmanager
def averaged_weights(model) -> Iterator[None]:
    """Inside, the model holds its averaged weights; afterwards its own again, bit for bit.

    Keras's SwapEMAWeights exchanges by adding and subtracting on TensorFlow, which rounds. Without
    averaging this does nothing.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    averages = getattr(optimizer, "_model_variables_moving_average", ()) or ()
    if not optimizer.use_ema or not averages:
        yield
        return
    variables = optimizer._trainable_variables
    kept = [to_numpy(variable) for variable in variables]
    for variable, average in zip(variables, averages, strict=True):
        variable.assign(to_numpy(average))
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
