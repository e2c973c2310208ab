"""Inputs of every equation as a Hypothesis strategy, from the shapes and domains of the registry.

For tests of your own, against another implementation or a property; needs Hypothesis, which
``pip install 'tvbi-ref[test]'`` brings.

.. code-block:: python

    @given(inputs_of("sum-product-ising"))
    def test_messages_are_odd(arguments):
        cavity, coupling = arguments
        np.testing.assert_allclose(mine(-cavity, coupling), -mine(cavity, coupling))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tvbi_ref._validation import PlainGamma
from tvbi_ref.equations import Symbol, get
from tvbi_ref.equations.guard import _letters
from tvbi_ref.school.checks.modules import ChainB, CollapsedA

Draw = Callable[[st.SearchStrategy[Any]], Any]
Array = NDArray[Any]


def _numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Return whole thousandths: they are read easily, and 1e-200 is a matter for the check."""
    return st.integers(round(1000 * low), round(1000 * high)).map(lambda n: n / 1000)


POSITIVE, INSIDE = _numbers(0.05, 20), _numbers(0.001, 0.999)

NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "real": _numbers(-5, 5),
    "log-odds, real": _numbers(-10, 10),
    "> 0": POSITIVE,
    ">= 0": _numbers(0, 20),
    "in (0, 1)": INSIDE,
    "in [0, 1]": INSIDE,
    "0 or 1": st.sampled_from([0.0, 1.0]),
    "bool": st.booleans(),
}
"""By the words of the registry: moderate numbers, at which no honest form breaks down."""

GAMMAS = st.builds(PlainGamma, POSITIVE, POSITIVE)

MODULES = {
    "module_a": st.builds(CollapsedA, *[_numbers(0.5, 2)] * 4),
    "module_b": st.builds(ChainB, INSIDE, INSIDE),
}


def inputs_of(label: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for the arguments of an equation, as its check hands them over.

    Parameters
    ----------
    label : str
        One of the labels of `tvbi_ref.equations`.

    Returns
    -------
    SearchStrategy
        Of tuples, in the order of the function's parameters: arrays of float64 with sides up to
        4, numbers, and what else the equation's page says. The numbers are moderate (log-odds
        within +-10): the extremes are the check's. Joint beliefs fit the beliefs beside them.

    Raises
    ------
    ValueError
        If there is no such equation.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(inputs_of("sum-product-ising"), lambda arguments: True)
    (array([0.]), 0.0)
    """
    equation = get(label)
    drawn = _inputs(equation.inputs)
    return drawn.map(_of_one_shape) if equation.label == "mean-field-trap" else drawn


def _of_one_shape(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments with both Gammas of the same shape, as the trap's statement asks."""
    *others, active, inactive = arguments
    return (*others, active, inactive._replace(shape=active.shape))


@st.composite
def _inputs(draw: Draw, symbols: tuple[Symbol, ...]) -> tuple[Any, ...]:
    call = _Call(draw)
    for symbol in symbols:
        call.made[symbol.name] = call.value_of(symbol)
    return tuple(call.made[symbol.name] for symbol in symbols)


class _Call:
    """One call in the making: what the letters of its shapes are, and its arguments by name."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.made: dict[str, Any] = {}
        self.any = draw(hnp.array_shapes(max_dims=2, max_side=4))
        side, few = st.integers(1, 4), st.integers(0, 3)
        self.sizes = {letter: draw(side) for letter in ("B", "C", "D", "F", "I", "J", "N")}
        self.sizes |= {letter: draw(few) for letter in ("k", "padding")}
        self._of_the_images(draw(st.integers(1, 3)))

    def _of_the_images(self, stride: int) -> None:
        """Choose images in which the kernel has at least one place."""
        sizes, draw = self.sizes, self.draw
        sizes["stride"] = stride
        for side in "HW":
            kernel = sizes[f"k{side.lower()}"] = draw(st.integers(1, 3))
            sizes[side] = kernel + draw(st.integers(0, 3))
            sizes[f"{side}o"] = (sizes[side] + 2 * sizes["padding"] - kernel) // stride + 1

    def value_of(self, symbol: Symbol) -> Any:
        """Return an argument that fits those before it."""
        if symbol.shape == "Gamma":
            return self.draw(GAMMAS)
        if symbol.shape == "function":
            return self.draw(MODULES[symbol.name])
        if symbol.shape == "list of (I, J)":
            layers = st.lists(hnp.array_shapes(min_dims=2, max_dims=2, max_side=4), min_size=1)
            return [self.array(shape, symbol.domain) for shape in self.draw(layers)]
        if symbol.name in OF_ITS_OWN:
            return OF_ITS_OWN[symbol.name](self)
        shapes = [self._shape(part) for part in symbol.shape.split(" or ")]
        return self.array(self.draw(st.sampled_from(shapes)), symbol.domain)

    def _shape(self, words: str) -> tuple[int, ...]:
        if words == "scalar":
            return ()
        parts = _letters(words) or ["..."]
        return tuple(n for part in parts for n in (self.any if part == "..." else self._side(part)))

    def _side(self, part: str) -> tuple[int]:
        """Return what stands for one entry of a shape, such as 4, I, or I-1."""
        letter, _, one = part.partition("-")
        return (int(letter) if letter.isdigit() else self.sizes[letter] - int(one or 0),)

    def array(self, shape: tuple[int, ...], domain: str) -> Any:
        """Return numbers of a domain, in float64 but for integers and masks."""
        if domain == "int in [0, C)":
            classes = st.integers(0, self.sizes["C"] - 1)
            return self.draw(hnp.arrays(np.int64, shape, elements=classes))
        if not shape:
            return self.draw(NUMBERS[domain])
        kind = bool if domain == "bool" else np.float64
        return self.draw(hnp.arrays(kind, shape, elements=NUMBERS[domain]))

    def pairs(self, belief: str, axis: int) -> Array:
        """Return joint beliefs of neighbours along an axis, any that the beliefs allow."""
        if belief not in self.made:
            self.made[belief] = self.array((self.sizes["I"], self.sizes["J"]), "in [0, 1]")
        b = self.made[belief]
        first, second = np.delete(b, -1, axis), np.delete(b, 0, axis)
        least, most = np.maximum(first + second - 1, 0), np.minimum(first, second)
        both = least + (most - least) * self.array(first.shape, "in [0, 1]")
        states = [1 - first - second + both, second - both, first - both, both]
        return np.maximum(np.stack(states, -1), 0).reshape(*first.shape, 2, 2)

    def clusters(self) -> Array:
        """Return which clusters are whose; keep where they start and how long they are."""
        kept = self.array((self.sizes["J"], self.sizes["I"]), "bool")
        edges = np.diff(np.pad(kept, ((0, 0), (1, 1))).astype(int))
        starts, ends = (np.nonzero(edges == side)[1] for side in (1, -1))
        self.made |= {"starts": starts, "lengths": ends - starts}
        self.sizes["sum of n_k"] = int(kept.sum())
        return np.concatenate([[0], np.cumsum((edges == 1).sum(axis=1))])


OF_ITS_OWN: dict[str, Callable[[_Call], Any]] = {
    "stride": lambda call: call.sizes["stride"],
    "padding": lambda call: call.sizes["padding"],
    "horizontal": lambda call: call.pairs("belief", 1),
    "vertical": lambda call: call.pairs("belief", 0),
    "prior_horizontal": lambda call: call.pairs("prior_belief", 1),
    "prior_vertical": lambda call: call.pairs("prior_belief", 0),
    "pair_beliefs": lambda call: call.pairs("belief of a chain", 0),
    "first_belief": lambda call: call.made["belief of a chain"][0],
    "pointers": _Call.clusters,
    "starts": lambda call: call.made["starts"],
    "lengths": lambda call: call.made["lengths"],
}
"""Arguments that must fit others in more than their shape."""
