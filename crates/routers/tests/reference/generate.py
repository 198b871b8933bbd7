"""Writes the figures that the tests of oats-routers must agree with.

    pip install numpy==2.4.6
    python generate.py

s1.json    A random problem and its refined tool vectors under several settings, in float64 and
           directly from the update rule: one tool and one query at a time.
ridge.json A random problem and its linear maps for several λ, in float64 by least squares on the stacked
           system, not by the normal equations.
bm25.json  Tool texts, requests and BM25 scores, from the formula. The words are such that removing
           stop words and stemming leave them as they are.

The files record the seed and the versions; the same versions write the same bytes. Nothing of
oats-routers runs here.
"""

import json
import math
import platform
from pathlib import Path

import numpy as np

SEED = 20260313
HERE = Path(__file__).parent

S1_DEFAULTS = {"alpha": 0.3, "beta": 0.1, "rounds": 3, "top_k": 5, "anchored": False}
S1_SETTINGS = {
    "default": {},
    "anchored": {"anchored": True},
    "one round": {"rounds": 1},
    "five rounds": {"rounds": 5},
    "five rounds, anchored": {"rounds": 5, "anchored": True},
    "no push": {"beta": 0.0},
    "no pull": {"alpha": 0.0},
    "only the centroid": {"alpha": 1.0, "beta": 0.0, "rounds": 1},
    "strong push": {"alpha": 0.5, "beta": 0.4},
    "K = 1": {"top_k": 1},
    "K beyond the catalogue": {"top_k": 50},
}


def normalised(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def s1_problem(rng, tools=12, queries=300, d=16):
    """Queries scatter around a direction that their tool's own vector only half points to. Tools
    10 and 11 are right for none; every seventh query is right for two tools."""
    described = rng.normal(size=(tools, d))
    asked = described + 1.2 * rng.normal(size=(tools, d))
    relevant = []
    for query in range(queries):
        first, second = rng.choice(10, size=2, replace=False)
        grades = [[int(first), int(rng.integers(1, 4))]]
        if query % 7 == 0:
            grades.append([int(second), 1])
        relevant.append(grades)
    centres = np.array([asked[[tool for tool, _ in grades]].mean(axis=0) for grades in relevant])
    scattered = centres + 1.5 * rng.normal(size=(queries, d))
    return normalised(described).round(6), normalised(scattered).round(6), relevant


def refine(tools, queries, relevant, alpha, beta, rounds, top_k, anchored):
    original, current = tools.copy(), tools.copy()
    right = [{tool for tool, _ in grades} for grades in relevant]
    for _ in range(rounds):
        retrieved = []
        for query in queries:
            scores = current @ query
            order = np.argsort(-scores)
            if top_k < len(order):
                gap = scores[order[top_k - 1]] - scores[order[top_k]]
                assert gap > 1e-6, "single precision could retrieve another tool; change the seed"
            retrieved.append(set(order[:top_k].tolist()))
        updated = current.copy()
        for tool in range(len(tools)):
            positive = [q for q, mine in zip(queries, right) if tool in mine]
            negative = [
                q for q, mine, top in zip(queries, right, retrieved) if tool in top - mine
            ]
            if not positive:
                continue
            start = original[tool] if anchored else current[tool]
            moved = (1 - alpha) * start + alpha * np.mean(positive, axis=0)
            if negative:
                moved -= beta * np.mean(negative, axis=0)
            updated[tool] = moved / np.linalg.norm(moved)
        current = updated
    return current


def s1_reference():
    tools, queries, relevant = s1_problem(np.random.default_rng(SEED))
    settings = [S1_DEFAULTS | changed for changed in S1_SETTINGS.values()]
    refined = [refine(tools, queries, relevant, **setting) for setting in settings]
    for i, one in enumerate(refined):
        for other in refined[:i]:  # so that no setting can be ignored without a test failing
            assert np.abs(one - other).max() > 1e-4
    return {
        "tools": tools.tolist(),
        "queries": queries.tolist(),
        "relevant": relevant,
        "cases": [
            {"name": name, "settings": setting, "refined": matrix.round(8).tolist()}
            for name, setting, matrix in zip(S1_SETTINGS, settings, refined)
        ],
    }


def ridge_reference():
    """Shrinking towards the identity is least squares with d more pairs: √λ·eᵢ is to become √λ·eᵢ."""
    tools, queries, relevant = s1_problem(np.random.default_rng(SEED), queries=60, d=10)
    pairs = [(query, tool) for query, grades in enumerate(relevant) for tool, _ in grades]
    asked = queries[[query for query, _ in pairs]]
    right = tools[[tool for _, tool in pairs]]
    cases = []
    for shrinkage in [0.01, 1.0, 30.0, 1e6]:
        identity = math.sqrt(shrinkage) * np.eye(tools.shape[1])
        stacked = np.vstack([asked, identity]), np.vstack([right, identity])
        transposed = np.linalg.lstsq(*stacked, rcond=None)[0]
        cases.append({"lambda": shrinkage, "map": transposed.T.round(8).tolist()})
    return {
        "tools": tools.tolist(),
        "queries": queries.tolist(),
        "relevant": relevant,
        "cases": cases,
    }


BM25_WORDS = ["rain", "wind", "map", "hotel", "bank", "stock", "film", "song", "train", "road"]


def bm25(documents, request, k1, b):
    lengths = [len(document) for document in documents]
    average = sum(lengths) / len(lengths)
    scores = []
    for document, length in zip(documents, lengths):
        score = 0.0
        for word in request:
            n = sum(word in other for other in documents)
            idf = math.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
            tf = document.count(word)
            if tf > 0:
                score += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average))
        scores.append(score)
    return scores


def bm25_reference():
    rng = np.random.default_rng(SEED)

    def draw(low, high):
        return rng.choice(BM25_WORDS, size=int(rng.integers(low, high))).tolist()

    documents = [draw(1, 4) for _ in range(4)] + [draw(4, 30) for _ in range(8)]
    requests = [draw(1, 6) for _ in range(12)]
    requests += [["rain", "rain", "map"], ["rain", "zebra"], ["zebra"]]
    cases = [{"k1": 1.2, "b": 0.75}, {"k1": 0.0, "b": 0.5}, {"k1": 2.0, "b": 0.0}, {"k1": 0.9, "b": 1.0}]
    return {
        "documents": [" ".join(document) for document in documents],
        "requests": [" ".join(request) for request in requests],
        "cases": [
            {"settings": case, "scores": [bm25(documents, request, **case) for request in requests]}
            for case in cases
        ],
    }


def write(name, reference):
    header = {
        "generated_by": "generate.py",
        "seed": SEED,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    text = json.dumps({**header, **reference}, separators=(",", ":"))
    # A line a row, so that a difference can be read.
    text = text.replace("],[", "],\n[").replace('"cases"', '\n"cases"').replace("},{", "},\n{")
    (HERE / name).write_text(text + "\n", encoding="utf-8")


write("s1.json", s1_reference())
write("ridge.json", ridge_reference())
write("bm25.json", bm25_reference())
