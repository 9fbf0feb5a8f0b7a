"""Small trees as tables over the outcomes of their splits: LightGBM's scores and SHAP values in less time.

A tree of few leaves has few splits, so the outcomes of all of them fit into one byte. The tree's value, and what each
feature adds to it (SHAP, Lundberg et al. 2018), depend on that byte alone, and are computed once for each of its values
instead of once for each row.
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
Integers = NDArray[np.int64]
MAX_SPLITS: Final = 8  # their outcomes fit into a byte
BLOCK_ROWS: Final = 8_192  # a column of so many rows stays in a core's cache
DEFAULT_LEFT: Final = 2  # a bit of LightGBM's decision types; two more bits define what is missing: none, zero or NaN
MISSING_NAN: Final = 8
NUMERIC: Final = frozenset({0, DEFAULT_LEFT, MISSING_NAN, MISSING_NAN | DEFAULT_LEFT})


@dataclass(frozen=True, slots=True)
class Tree:
    """Splits, whose children are splits or (negative, less one) leaves; values of leaves, training rows of both."""

    feature: Integers
    threshold: Matrix  # the largest float32 that goes left
    nan_right: NDArray[np.bool_]
    left: Integers
    right: Integers
    leaf_value: Floats
    split_rows: Floats
    leaf_rows: Floats

    @classmethod
    def of(cls, section: Mapping[str, str]) -> Tree | None:
        """Parse a tree of a LightGBM model; None if it has too many splits, or other than plain numeric ones."""
        splits = int(section["num_leaves"]) - 1
        if splits > MAX_SPLITS or int(section["num_cat"]) or section.get("is_linear", "0") != "0":
            return None
        decision, threshold = _integers(section, "decision_type"), _floats(section, "threshold")
        if not NUMERIC.issuperset(decision.tolist()):
            return None
        nan_right = np.where(decision & MISSING_NAN, decision & DEFAULT_LEFT == 0, threshold < 0)  # else NaN is 0
        return cls(
            _integers(section, "split_feature"),
            _float32_below(threshold),
            nan_right,
            _integers(section, "left_child"),
            _integers(section, "right_child"),
            _floats(section, "leaf_value"),
            _floats(section, "internal_count"),
            _floats(section, "leaf_count"),
        )

    def outcomes(self, features: Matrix) -> NDArray[np.uint8]:
        """Decide the splits on these features for every row: a bit for each split, 1 for right."""
        outcomes = np.zeros(len(features), np.uint8)
        for split, feature in enumerate(self.feature):
            if feature < features.shape[1]:
                column, threshold = features[:, feature], self.threshold[split]
                right = ~(column <= threshold) if self.nan_right[split] else column > threshold
                outcomes |= right.view(np.uint8) << np.uint8(split)
        return outcomes

    def outcome_of(self, feature: int, value: float) -> int:
        """Decide the splits on one feature for one value; the bits of all other splits are 0."""
        right = (self.feature == feature) & ~(value <= self.threshold)
        return int(np.sum(1 << np.flatnonzero(right)))

    def values(self) -> Floats:
        """Compute the tree's value for each outcome."""
        is_known = np.ones((1, len(self.feature)), dtype=np.bool_)
        return np.asarray(self._expected_values(is_known)[0])

    def contributions(self) -> tuple[Integers, Floats]:
        """List the tree's features, and compute what each adds for each outcome: features x outcomes."""
        features = np.unique(self.feature)
        subsets = (np.arange(1 << len(features))[:, None] >> np.arange(len(features)) & 1).astype(np.bool_)
        expected = self._expected_values(subsets[:, np.searchsorted(features, self.feature)])
        return features, _shapley_weights(len(features)) @ expected

    def summed_contributions(self, constant: int, weights: Mapping[float, float]) -> tuple[Integers, Floats]:
        """Sum the contributions over the values of a constant feature, each with its weight; without that feature.

        The outcomes of the constant feature's splits are replaced by those of its values.
        """
        features, contributions = self.contributions()
        constant_bits = sum(1 << split for split in np.flatnonzero(self.feature == constant))
        other_bits = np.arange(contributions.shape[1]) & ~constant_bits
        total = np.zeros_like(contributions)
        for value, weight in weights.items():
            total += weight * contributions[:, other_bits | self.outcome_of(constant, value)]
        return features[features != constant], total[features != constant]

    def _expected_values(self, is_known: NDArray[np.bool_]) -> Floats:
        """Compute the mean of the leaves that each outcome's known splits allow: sets of known splits x outcomes."""
        outcome = np.arange(1 << len(self.feature))
        shape = len(is_known), len(outcome)

        def mean(node: int) -> Floats:
            if node < 0 or not len(self.feature):
                return np.full(shape, self.leaf_value[-node - 1])
            left, right = mean(self.left[node]), mean(self.right[node])
            right_share = self._rows(self.right[node]) / self.split_rows[node]
            child = np.where(outcome >> node & 1, right, left)
            return np.where(is_known[:, node : node + 1], child, left + right_share * (right - left))

        return mean(0 if len(self.feature) else -1)

    def _rows(self, node: int) -> float:
        return float(self.leaf_rows[-node - 1] if node < 0 else self.split_rows[node])


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of a booster; its last feature is a constant, the same for all rows."""

    trees: tuple[Tree, ...]

    @classmethod
    def of(cls, booster: lgb.Booster) -> Forest | None:
        """Parse a booster; None if one of its trees can't be a table."""
        trees = [Tree.of(section) for section in _sections(booster.model_to_string(importance_type="split"))]
        parsed = tuple(tree for tree in trees if tree is not None)
        return cls(parsed) if len(parsed) == len(trees) else None

    def scores(self, features: Matrix, constants: Sequence[float]) -> Floats:
        """Sum the trees' values, in their order as LightGBM does: rows x constants."""
        scores, width = np.zeros((len(constants), len(features))), features.shape[1]
        tables = [
            (tree, tree.values(), [tree.outcome_of(width, constant) for constant in constants]) for tree in self.trees
        ]
        for rows in _blocks(len(features)):
            block = np.asfortranarray(features[rows])
            for tree, values, constant_bits in tables:
                outcomes = tree.outcomes(block)
                block_values = {bits: values[outcomes | np.uint8(bits)] for bits in set(constant_bits)}
                for index, bits in enumerate(constant_bits):
                    scores[index, rows] += block_values[bits]
        return scores.T

    def add_contributions(self, total: Floats, features: Matrix, weights: Mapping[float, float]) -> None:
        """Add what each feature adds, as a weighted sum over constants, to `total`: rows x features."""
        width = features.shape[1]
        tables = [(tree, *tree.summed_contributions(width, weights)) for tree in self.trees]
        for rows in _blocks(len(features)):
            block = np.asfortranarray(features[rows])
            for tree, tree_features, contributions in tables:
                outcomes = tree.outcomes(block)
                for feature, contribution in zip(tree_features, contributions, strict=True):
                    total[rows, feature] += contribution[outcomes]


@lru_cache(maxsize=2)
def read_forests(boosters: tuple[lgb.Booster, ...]) -> tuple[Forest, ...] | None:
    """Parse boosters; None if there is none, or if one has a tree that can't be a table."""
    forests = [Forest.of(booster) for booster in boosters]
    parsed = tuple(forest for forest in forests if forest is not None)
    return parsed if parsed and len(parsed) == len(forests) else None


def _sections(text: str) -> Iterator[dict[str, str]]:
    """Split a model's text into its trees, each as keys and values."""
    for section in text.partition("end of trees")[0].split("Tree=")[1:]:
        yield dict(line.split("=", 1) for line in section.splitlines()[1:] if "=" in line)


def _integers(section: Mapping[str, str], key: str) -> Integers:
    return np.array(section.get(key, "").split(), dtype=np.int64)


def _floats(section: Mapping[str, str], key: str) -> Floats:
    return np.array(section.get(key, "").split(), dtype=np.float64)


def _float32_below(threshold: Floats) -> Matrix:
    """Compute the largest float32 at or below each threshold."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(first, first + BLOCK_ROWS) for first in range(0, rows, BLOCK_ROWS))


@cache
def _shapley_weights(features: int) -> Floats:
    """Compute the weight of each subset's mean in each feature's Shapley value: features x subsets."""
    weights = np.zeros((features, 1 << features))
    for feature in range(features):
        for subset in range(1 << features):
            if not subset >> feature & 1:
                size = subset.bit_count()
                weight = math.factorial(size) * math.factorial(features - size - 1) / math.factorial(features)
                weights[feature, subset] -= weight
                weights[feature, subset | 1 << feature] += weight
    return weights
