"""Keras's optimisers with what a recipe asks of them beyond Keras.

A training that asks for none of it has Keras's own class, see `optimization.make_optimizer`.
"""

import math
import re

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")


class PerVariable:
    """Put before an optimiser of Keras: each variable has its own rate, decay and bound.

    All of it happens in `update_step`, which Keras calls with one variable, the gradient of all
    devices and of all accumulated batches, and after `global_clipnorm`; so it goes with every
    backend's distribution, accumulation, averaging and loss scaling. On torch the variables are
    updated one by one, where Keras's own classes have one call for all.

    Args:
        rates: factor of the learning rate for each variable, in the order of `build`; () for 1.
            Weight decay, which is in proportion to the rate, follows it.
        l1, l2: the gradient of `l1 * sum(|w|) + l2 / 2 * sum(w ** 2)` is added for all variables
            that take weight decay: torch calls this l2 the weight decay of its SGD and Adam, and
            papers before AdamW mean it (Krizhevsky et al., 2012, section 5).
        clip_adaptive: bound on the norm of a unit's gradient relative to the norm of its weights
            (Brock et al., 2021, arXiv:2102.06171, equation 3); None for none.
        unit_axes: for each variable the axes over which that norm is taken; () leaves it as it is.
        lookahead: so many updates are followed by a step back to the way from the last such point
            (Zhang et al., 2019, arXiv:1907.08610, algorithm 1); 0 for none.
        lookahead_share: how far along that way.
        reducible: hold a variable `reduction` by which the learning rate is multiplied.
        **kwargs: of the optimiser.
    """

    decays_by_itself = False  # whether `_step` applies `weight_decay`

    def __init__(
        self,
        *args,
        rates=(),
        l1: float = 0.0,
        l2: float = 0.0,
        clip_adaptive: float | None = None,
        unit_axes=(),
        lookahead: int = 0,
        lookahead_share: float = 0.5,
        reducible: bool = False,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.rates, self.unit_axes = tuple(rates), tuple(tuple(axes) for axes in unit_axes)
        self.l1, self.l2, self.clip_adaptive = l1, l2, clip_adaptive
        self.lookahead, self.lookahead_share = lookahead, lookahead_share
        self.reducible, self.reduction = reducible, None

    def build(self, variables):
        """Make the variables of the optimiser, then those of this class."""
        if self.built:
            return
        super().build(variables)
        if self.lookahead:
            self._slow = self.add_optimizer_variables(variables, "slow")
        if self.reducible:
            self.reduction = self.add_variable(
                (), "ones", name="reduction", aggregation="only_first_replica"
            )

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        index = self._get_variable_index(variable)
        rate = ops.cast(learning_rate, variable.dtype)
        if self.rates:
            rate = rate * self.rates[index]
        # Of a table that was looked up, TensorFlow gives the touched rows only.
        gradient = ops.cast(ops.convert_to_tensor(gradient), variable.dtype)
        weights = ops.convert_to_tensor(variable)
        decays = self._use_weight_decay(variable)
        if self.l1 and decays:
            gradient = gradient + self.l1 * ops.sign(weights)
        if self.l2 and decays:
            gradient = gradient + self.l2 * weights
        if self.clip_adaptive and self.unit_axes[index]:
            gradient = self._bounded(gradient, weights, self.unit_axes[index])
        if self.lookahead:
            # Not in `build`: the weights may still change before the first update.
            slow = ops.convert_to_tensor(self._slow[index])
            slow = ops.where(ops.equal(self.iterations, 0), weights, slow)
        if self.weight_decay and decays and not self.decays_by_itself:
            self.assign_sub(variable, weights * (rate * self.weight_decay))
        self._step(gradient, variable, rate)
        if self.lookahead:
            meets = ops.equal((self.iterations + 1) % self.lookahead, 0)
            fast = ops.convert_to_tensor(variable)
            slow = ops.where(meets, slow + self.lookahead_share * (fast - slow), slow)
            self.assign(variable, ops.where(meets, slow, fast))
            self.assign(self._slow[index], slow)

    def _step(self, gradient, variable, learning_rate):
        """The optimiser's own rule."""
        super().update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables):
        """Nothing: Keras would decay all variables at one rate, `update_step` does it."""

    def _bounded(self, gradient, weights, axes):
        """The gradient with the norm of each unit in proportion to that of its weights."""
        bound = self.clip_adaptive * ops.maximum(_norms(weights, axes), 1e-3)
        norms = _norms(gradient, axes)
        return ops.where(norms > bound, gradient * (bound / ops.maximum(norms, 1e-6)), gradient)

    def _get_current_learning_rate(self):
        rate = super()._get_current_learning_rate()
        return rate if self.reduction is None else rate * self.reduction

    def get_config(self):
        """The arguments."""
        return super().get_config() | {
            "rates": list(self.rates),
            "l1": self.l1,
            "l2": self.l2,
            "clip_adaptive": self.clip_adaptive,
            "unit_axes": [list(axes) for axes in self.unit_axes],
            "lookahead": self.lookahead,
            "lookahead_share": self.lookahead_share,
            "reducible": self.reducible,
        }


def _norms(x, axes):
    return ops.sqrt(ops.sum(ops.square(x), axis=axes, keepdims=True))


@_register
class SGD(PerVariable, keras.optimizers.SGD):
    """Keras's, see `PerVariable`."""


@_register
class Adam(PerVariable, keras.optimizers.Adam):
    """Keras's, see `PerVariable`."""


@_register
class Adagrad(PerVariable, keras.optimizers.Adagrad):
    """Keras's, see `PerVariable`."""


@_register
class RMSprop(PerVariable, keras.optimizers.RMSprop):
    """Keras's, see `PerVariable`."""


@_register
class Lion(PerVariable, keras.optimizers.Lion):
    """Keras's, see `PerVariable`."""


@_register
class Lamb(PerVariable, keras.optimizers.Lamb):
    """Adam's step plus weight decay, as long as the layer's weights times the learning rate.

    Keras's own applies the decay outside of the ratio of the norms; the paper, NVIDIA's and timm's
    have it inside. As in those two, what takes no decay (norms and biases) takes Adam's step.

    Source: Large Batch Optimization for Deep Learning (You et al., 2019, arXiv:1904.00962),
    algorithm 2.
    """

    decays_by_itself = True

    def _step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = ops.cast(self.iterations + 1, variable.dtype)
        self.assign(m, m * self.beta_1 + gradient * (1.0 - self.beta_1))
        self.assign(v, v * self.beta_2 + ops.square(gradient) * (1.0 - self.beta_2))
        mean = m / (1.0 - ops.power(self.beta_1, step))
        square = v / (1.0 - ops.power(self.beta_2, step))
        update = mean / (ops.sqrt(square) + self.epsilon)
        if self._use_weight_decay(variable):
            weights = ops.convert_to_tensor(variable)
            update = update + (self.weight_decay or 0.0) * weights
            own, other = (ops.sqrt(ops.sum(ops.square(x))) for x in (weights, update))
            ratio = own / ops.maximum(other, 1e-30)
            update = update * ops.where((own > 0) & (other > 0), ratio, 1.0)
        self.assign_sub(variable, learning_rate * update)


@_register
class Muon(PerVariable, keras.optimizers.Muon):
    """Kernels take orthogonalised momentum, all other variables Adam's step.

    Keras's own takes every matrix and no kernel of a convolution. Here a convolution's kernel is
    the matrix (height * width * inputs, outputs), as in the authors' code; depthwise kernels, whose
    matrix is a single column, tables of positions, and what `exclude_layers` says (the classifier)
    take Adam's step.

    Sources: Muon (Jordan et al., 2024, kellerjordan.github.io/posts/muon); the scale of the step is
    that of Liu et al., 2025, arXiv:2502.16982, so that the rates of AdamW fit.
    """

    def _should_use_adamw(self, variable):
        is_kernel = variable.name == "kernel" and len(variable.shape) in (2, 4)
        if not is_kernel or variable.shape[-1] == 1:
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign(m, m * self.momentum + gradient)
        update = gradient + m * self.momentum if self.nesterov else m + 0.0
        shape = tuple(variable.shape)
        matrix = ops.reshape(update, (math.prod(shape[:-1]), shape[-1]))
        matrix = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, lr * ops.reshape(matrix, shape))
