"""Stage 1 of OATS in NumPy: products in float32, sums by a sparse matrix."""

import numpy as np
from scipy.sparse import csr_array

PACKAGES = ["numpy", "scipy"]


class Peer:
    def __init__(self, data):
        self.tools = data.matrix("tools")
        self.settings = data.s1
        self.parts = {}
        for name, labels in data.labels.items():
            rows, tools = np.array(labels, dtype=np.int64).reshape(-1, 2).T
            self.parts[name] = data.matrix(name), rows, tools

    def fit(self, of):
        return refine(self.tools, *self.parts[of], **self.settings)


def refine(tools, queries, rows, right, alpha, beta, rounds, top_k):
    """The refined tool vectors. Query `rows[i]` has the right tool `right[i]`; the rows rise."""
    wanted = np.zeros((len(queries), len(tools)), dtype=bool)
    wanted[rows, right] = True
    counts = np.bincount(rows, minlength=len(queries))
    positive = means(queries, counts, right, len(tools))
    has_positive = wanted.any(axis=0)[:, None]
    refined = tools
    k = min(top_k, len(tools))
    every_query = np.arange(len(queries))[:, None]
    for _ in range(rounds):
        scores = queries @ refined.T
        retrieved = np.argpartition(scores, len(tools) - k, axis=1)[:, len(tools) - k :]
        wrong = ~wanted[every_query, retrieved]
        negative = means(queries, wrong.sum(axis=1), retrieved[wrong], len(tools))
        moved = (1 - alpha) * refined + alpha * positive - beta * negative
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        refined = np.where(has_positive, moved, refined)
    return refined


def means(queries, counts, tools, count):
    """For each tool the mean vector of its queries, zero without any. The first `counts[0]` of `tools` are
    the first query's, and so on."""
    starts = np.concatenate(([0], np.cumsum(counts)))
    ones = np.ones(len(tools), dtype=np.float32)
    pairs = csr_array((ones, tools, starts), shape=(len(queries), count))
    sizes = np.bincount(tools, minlength=count).astype(np.float32)
    return (pairs.T @ queries) / np.maximum(sizes, 1)[:, None]
