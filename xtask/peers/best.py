"""The best of many scores, as NumPy users take them."""

import numpy as np


def best(scores: np.ndarray, k: int) -> tuple[list[int], list[float]]:
    """Positions and values of the k highest scores, best first."""
    k = min(k, len(scores))
    top = np.argpartition(scores, -k)[-k:]
    top = top[np.argsort(-scores[top])]
    return top.tolist(), scores[top].tolist()
