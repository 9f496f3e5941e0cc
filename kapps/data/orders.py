"""The order of an epoch: which picture comes when, and how often."""

import dataclasses

import numpy as np

from kapps.data.packed import shuffled


@dataclasses.dataclass(frozen=True)
class Order:
    """How an epoch to train on is drawn; it has as many pictures as there are, whatever is said.

    Attributes:
        balance: 0, each picture comes once; 1, each class comes equally often, so that a picture of
            a rare class comes several times and of a frequent one not all pictures come. Between
            them a class of n pictures comes in proportion to n ** (1 - balance); 0.5 is the
            square-root sampling of long-tailed recognition (Kang et al., 2019, arXiv:1910.09217,
            equation 1, with q = 1 - balance). A picture with several labels or boxes counts for
            its rarest, see `annotations.strata`.
        repeats: how many times a picture that comes does so, side by side, so in the same batch;
            each time it is cut and augmented anew. Repeated augmentation (Hoffer et al., 2019,
            arXiv:1901.09335), with the epochs of DeiT (arXiv:2012.12877): an epoch has another
            1 / repeats of the pictures. Where the batch is no multiple of it, a picture goes on in
            the next batch.

    Raises:
        ValueError: one of them is out of range.
    """

    balance: float = 0.0
    repeats: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1:
            raise ValueError(f"balance={self.balance!r} is out of range; use 0 to 1.")
        if not isinstance(self.repeats, int) or self.repeats < 1:
            raise ValueError(f"repeats={self.repeats!r} is no number of times; use 1 or more.")

    @property
    def repeating(self) -> bool:
        """Whether a picture may come more than once in an epoch."""
        return self.balance > 0 or self.repeats > 1

    def draw(
        self,
        count: int,
        rng: np.random.Generator,
        groups: np.ndarray | None = None,
        stretches: np.ndarray | None = None,
    ) -> np.ndarray:
        """The pictures of an epoch, one after the other.

        Args:
            count: how many there are.
            rng: the source of all randomness.
            groups: the class of each; None needs no balance.
            stretches: for `packed.shuffled`, the file in which each lies; None for any order.

        Returns:
            int64 [count], indices.
        """
        chosen = np.arange(count)
        if self.balance and groups is not None:
            chosen = np.repeat(chosen, times(groups, self.balance, rng))
        if stretches is None:
            order = chosen[rng.permutation(count)]
        else:
            order = chosen[shuffled(stretches[chosen], rng)]
        if self.repeats > 1:
            order = np.repeat(order[: -(-count // self.repeats)], self.repeats)[:count]
        return order


EACH_ONCE = Order()


def times(groups: np.ndarray, balance: float, rng: np.random.Generator) -> np.ndarray:
    """How often each picture comes in an epoch, int64 [N] of the sum N; see `Order.balance`.

    Of one class no picture comes twice more than another. What is left of a class's share beside
    whole numbers is drawn.
    """
    _, members, counts = np.unique(groups, return_inverse=True, return_counts=True)
    shares = counts ** (1.0 - balance)
    ends = np.cumsum(shares / shares.sum()) * len(groups)
    ends[-1] = len(groups)
    draws = np.diff(np.floor(ends + rng.random()), prepend=0).astype(np.int64)
    found = (draws // counts)[members]
    # Class by class, each in a random order: of each the first ones come once more.
    order = np.lexsort((rng.permutation(len(groups)), members))
    ranks = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    found[order[ranks < np.repeat(draws % counts, counts)]] += 1
    return found


def occurrences(order: np.ndarray) -> np.ndarray:
    """How often each picture of an order came before, int64 [N]: 0 the first time, then 1, ..."""
    places = np.argsort(order, kind="stable")
    begins = np.flatnonzero(np.diff(order[places], prepend=-1))
    lengths = np.diff(begins, append=len(order))
    numbers = np.empty(len(order), np.int64)
    numbers[places] = np.arange(len(order)) - np.repeat(begins, lengths)
    return numbers
