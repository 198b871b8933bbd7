"""The peers of our own making against plain loops: `python -m unittest` here, with NumPy and SciPy."""

import unittest

import numpy as np

from best import best
from peer_numpy_s1 import refine

SETTINGS = {"alpha": 0.3, "beta": 0.1, "rounds": 3, "top_k": 2}


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def refined_by_loops(tools, queries, labels, alpha, beta, rounds, top_k):
    """The definition, tool by tool and query by query."""
    right = {tool: [row for row, other in labels if other == tool] for tool in range(len(tools))}
    vectors = [tool.astype(np.float64) for tool in tools]
    for _ in range(rounds):
        wrong = {tool: [] for tool in right}
        for row, query in enumerate(queries):
            ranked = sorted(right, key=lambda tool: -float(vectors[tool] @ query))
            for tool in ranked[:top_k]:
                if row not in right[tool]:
                    wrong[tool].append(row)
        moved = []
        for tool, vector in enumerate(vectors):
            if right[tool]:
                vector = (1 - alpha) * vector + alpha * queries[right[tool]].mean(axis=0)
                if wrong[tool]:
                    vector = vector - beta * queries[wrong[tool]].mean(axis=0)
                vector = vector / np.linalg.norm(vector)
            moved.append(vector)
        vectors = moved
    return np.array(vectors)


class NumpyS1(unittest.TestCase):
    def setUp(self):
        numbers = np.random.default_rng(1)
        self.tools = unit(numbers.normal(size=(7, 5)))
        self.queries = unit(numbers.normal(size=(40, 5)))
        # The last tool is right for none, some queries have two, the last has none.
        self.labels = sorted([(row, row % 6) for row in range(39)] + [(3, 5), (8, 0)])

    def test_is_the_definition(self):
        rows, right = np.array(self.labels).T
        made = refine(self.tools, self.queries, rows, right, **SETTINGS)
        expected = refined_by_loops(self.tools, self.queries, self.labels, **SETTINGS)
        np.testing.assert_allclose(made, expected, atol=1e-6)
        np.testing.assert_array_equal(made[6], self.tools[6])
        self.assertGreater(np.abs(made[:6] - self.tools[:6]).max(), 0.1)

    def test_retrieves_no_more_tools_than_there_are(self):
        rows, right = np.array(self.labels).T
        settings = SETTINGS | {"top_k": 50}
        made = refine(self.tools, self.queries, rows, right, **settings)
        expected = refined_by_loops(self.tools, self.queries, self.labels, **settings)
        np.testing.assert_allclose(made, expected, atol=1e-6)


class Best(unittest.TestCase):
    def test_are_the_highest_in_order(self):
        scores = np.array([0.1, 0.9, 0.5, 0.7])
        self.assertEqual(best(scores, 3), ([1, 3, 2], [0.9, 0.7, 0.5]))
        self.assertEqual(best(scores, 9)[0], [1, 3, 2, 0])


if __name__ == "__main__":
    unittest.main()
