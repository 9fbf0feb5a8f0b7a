"""Small trees as tables over the outcomes of their splits: the same scores as LightGBM's, and what made them, sooner.

A tree of few leaves asks few questions, so all of their answers together fit into one byte. What the tree says, and
what each feature adds to it (SHAP, Lundberg et al. 2018), depends on that byte alone, and is worked out once for
each of its values instead of once for each row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import lightgbm as lgb

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Whole = NDArray[np.int64]
MOST_SPLITS: Final = 8  # their outcomes fit into a byte
BLOCK_ROWS: Final = 8_192  # a column of so many rows stays in a core's cache
DEFAULT_LEFT: Final = 2  # a bit of LightGBM's decision types; two more bits say what is missing: none, zero or NaN
MISSING_NAN: Final = 8
NUMERIC: Final = frozenset({0, DEFAULT_LEFT, MISSING_NAN, MISSING_NAN | DEFAULT_LEFT})


@dataclass(frozen=True, slots=True)
class Tree:
    """Splits, whose children are splits or (negative, less one) leaves; values and rows seen in training of both."""

    feature: Whole
    threshold: Matrix  # the largest float32 that goes left
    nan_right: NDArray[np.bool_]
    left: Whole
    right: Whole
    leaf: Floats
    seen: Floats  # rows of each split
    leaf_seen: Floats

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Tree | None:
        """Read a tree of a LightGBM model; None if its splits are too many, or of another sort."""
        splits = int(told["num_leaves"]) - 1
        if splits > MOST_SPLITS or int(told["num_cat"]) or told.get("is_linear", "0") != "0":
            return None
        decision, threshold = _whole(told, "decision_type"), _floats(told, "threshold")
        if not NUMERIC.issuperset(decision.tolist()):
            return None
        goes_right = np.where(decision & MISSING_NAN, decision & DEFAULT_LEFT == 0, threshold < 0)  # else NaN is 0
        return cls(
            _whole(told, "split_feature"),
            _below(threshold),
            goes_right,
            _whole(told, "left_child"),
            _whole(told, "right_child"),
            _floats(told, "leaf_value"),
            _floats(told, "internal_count"),
            _floats(told, "leaf_count"),
        )

    def outcomes(self, features: Matrix) -> NDArray[np.uint8]:
        """Answer the splits on these features for every row: a bit for each split, 1 for right."""
        told = np.zeros(len(features), np.uint8)
        for split, feature in enumerate(self.feature):
            if feature < features.shape[1]:
                column, threshold = features[:, feature], self.threshold[split]
                right = ~(column <= threshold) if self.nan_right[split] else column > threshold
                told |= right.view(np.uint8) << np.uint8(split)
        return told

    def bits(self, feature: int, value: float) -> int:
        """Answer the splits on one feature for one value."""
        right = (self.feature == feature) & ~(value <= self.threshold)
        return int(np.sum(1 << np.flatnonzero(right)))

    def values(self) -> Floats:
        """Give what the tree says for all outcomes of its splits."""
        known = np.ones((1, len(self.feature)), dtype=np.bool_)
        return np.asarray(self._expected(known)[0])

    def added(self) -> tuple[Whole, Floats]:
        """Give the features that the tree asks for, and what each adds for all outcomes: features x outcomes."""
        asked = np.unique(self.feature)
        subsets = (np.arange(1 << len(asked))[:, None] >> np.arange(len(asked)) & 1).astype(np.bool_)
        told = self._expected(subsets[:, np.searchsorted(asked, self.feature)])
        return asked, _shapley(len(asked)) @ told

    def added_beside(self, constant: int, weights: Mapping[float, float]) -> tuple[Whole, Floats]:
        """Give the same as a weighted sum over the values of a constant feature, whatever its splits' own outcomes."""
        asked, added = self.added()
        own = sum(1 << split for split in np.flatnonzero(self.feature == constant))
        others = np.arange(added.shape[1]) & ~own
        summed = np.zeros_like(added)
        for value, weight in weights.items():
            summed += weight * added[:, others | self.bits(constant, value)]
        return asked[asked != constant], summed[asked != constant]

    def _expected(self, known: NDArray[np.bool_]) -> Floats:
        """Give the mean of the leaves that outcomes allow, where only known splits follow them: known x outcomes."""
        outcome = np.arange(1 << len(self.feature))
        shape = len(known), len(outcome)

        def mean(node: int) -> Floats:
            if node < 0 or not len(self.feature):
                return np.full(shape, self.leaf[-node - 1])
            left, right = mean(self.left[node]), mean(self.right[node])
            share = self._seen(self.right[node]) / self.seen[node]
            follows = np.where(outcome >> node & 1, right, left)
            return np.where(known[:, node : node + 1], follows, left + share * (right - left))

        return mean(0 if len(self.feature) else -1)

    def _seen(self, node: int) -> float:
        return float(self.leaf_seen[-node - 1] if node < 0 else self.seen[node])


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of a booster, and a feature after the others that is the same for all rows."""

    trees: tuple[Tree, ...]

    @classmethod
    def of(cls, booster: lgb.Booster) -> Forest | None:
        """Read a booster; None if a tree of it is no table."""
        trees = [Tree.of(told) for told in _sections(booster.model_to_string(importance_type="split"))]
        known = tuple(tree for tree in trees if tree is not None)
        return cls(known) if len(known) == len(trees) else None

    def scores(self, features: Matrix, constants: Sequence[float]) -> Floats:
        """Give what the trees say in sum, added up in their order as LightGBM does: rows x constants."""
        out, width = np.zeros((len(constants), len(features))), features.shape[1]
        told = [(tree, tree.values(), [tree.bits(width, one) for one in constants]) for tree in self.trees]
        for rows in _blocks(len(features)):
            block = np.asfortranarray(features[rows])
            for tree, values, constant in told:
                outcomes = tree.outcomes(block)
                said = {bits: values[outcomes | np.uint8(bits)] for bits in set(constant)}
                for at, bits in enumerate(constant):
                    out[at, rows] += said[bits]
        return out.T

    def add(self, out: Floats, features: Matrix, weights: Mapping[float, float]) -> None:
        """Add what each feature adds, as a weighted sum over constants, to `out`: rows x features."""
        width = features.shape[1]
        told = [(tree, *tree.added_beside(width, weights)) for tree in self.trees]
        for rows in _blocks(len(features)):
            block = np.asfortranarray(features[rows])
            for tree, asked, tables in told:
                outcomes = tree.outcomes(block)
                for feature, table in zip(asked, tables, strict=True):
                    out[rows, feature] += table[outcomes]


@lru_cache(maxsize=2)
def forests(boosters: tuple[lgb.Booster, ...]) -> tuple[Forest, ...] | None:
    """Read boosters; None if one has a tree that is no table."""
    told = [Forest.of(booster) for booster in boosters]
    known = tuple(forest for forest in told if forest is not None)
    return known if known and len(known) == len(told) else None


def _sections(text: str) -> Iterator[dict[str, str]]:
    """Part a model's text into its trees, each as keys and values."""
    for section in text.partition("end of trees")[0].split("Tree=")[1:]:
        yield dict(line.split("=", 1) for line in section.splitlines()[1:] if "=" in line)


def _whole(told: Mapping[str, str], key: str) -> Whole:
    return np.array(told.get(key, "").split(), dtype=np.int64)


def _floats(told: Mapping[str, str], key: str) -> Floats:
    return np.array(told.get(key, "").split(), dtype=np.float64)


def _below(threshold: Floats) -> Matrix:
    """Give the largest float32 at or below each threshold."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(first, first + BLOCK_ROWS) for first in range(0, rows, BLOCK_ROWS))


@cache
def _shapley(features: int) -> Floats:
    """Give the weight of each subset's mean in each feature's Shapley value: features x subsets."""
    weights = np.zeros((features, 1 << features))
    for feature in range(features):
        for subset in range(1 << features):
            if not subset >> feature & 1:
                size = subset.bit_count()
                weight = math.factorial(size) * math.factorial(features - size - 1) / math.factorial(features)
                weights[feature, subset] -= weight
                weights[feature, subset | 1 << feature] += weight
    return weights
