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
    """The refined tool vectors. Query `rows[i]` has the right tool `right[i]`."""
    wanted = np.zeros((len(queries), len(tools)), dtype=bool)
    wanted[rows, right] = True
    positive, has_positive = means(queries, rows, right, len(tools))
    refined = tools
    k = min(top_k, len(tools))
    for _ in range(rounds):
        scores = queries @ refined.T
        retrieved = np.argpartition(scores, -k, axis=1)[:, -k:]
        asked = np.repeat(np.arange(len(queries)), k)
        retrieved = retrieved.ravel()
        wrong = ~wanted[asked, retrieved]
        negative, _ = means(queries, asked[wrong], retrieved[wrong], len(tools))
        moved = (1 - alpha) * refined + alpha * positive - beta * negative
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        refined = np.where(has_positive[:, None], moved, refined).astype(np.float32)
    return refined


def means(queries, rows, tools, count):
    """For each tool the mean vector of its queries, zero without any, and whether it has any."""
    ones = np.ones(len(rows), dtype=np.float32)
    pairs = csr_array((ones, (tools, rows)), shape=(count, len(queries)))
    sizes = np.bincount(tools, minlength=count)
    return (pairs @ queries) / np.maximum(sizes, 1)[:, None], sizes > 0
