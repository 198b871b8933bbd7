"""Writes the figures that the tests of oats-routers must agree with.

    pip install numpy==2.4.6 scipy==1.17.1
    python generate.py

s1.json    A random problem and its refined tool vectors under several settings, in float64 and
           directly from the update rule: one tool and one query at a time.
ridge.json A random problem and its linear maps for several λ, in float64 by least squares on the stacked
           system, not by the normal equations.
procrustes.json
           The same problem's tool vectors, turned by SciPy's orthogonal Procrustes solution of the stacked system.
geometry.json
           Scores of its first queries after centring, whitening (by SciPy's matrix square root) and CSLS, one pair of a query and a tool
           at a time, mapping both.
multi_vector.json
           Tools whose queries scatter around one, two or three directions, and the vectors of those groups, which k-means
           has to find.
calibrated.json
           Texts, vectors and the weights of a calibrated fusion, by SciPy's BFGS with gradients by finite
           differences.
plus.json  A problem with repeated texts, short lists and logged queries, and the vectors that OATS-plus has of it
           under several settings: its loss, one pair at a time with loops over competitors, and SciPy's Newton method
           (trust-exact) with derivatives of that loss.
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
import scipy.special
from scipy import linalg, optimize

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


def procrustes_reference():
    """Shrinking towards the identity is d more pairs: √λ·eᵢ is to become √λ·eᵢ."""
    tools, queries, relevant = s1_problem(np.random.default_rng(SEED), queries=60, d=10)
    pairs = [(query, tool) for query, grades in enumerate(relevant) for tool, _ in grades]
    asked = queries[[query for query, _ in pairs]]
    right = tools[[tool for _, tool in pairs]]
    cases = []
    for shrinkage in [0.01, 1.0, 30.0, 1e6]:
        identity = math.sqrt(shrinkage) * np.eye(tools.shape[1])
        stacked = np.vstack([asked, identity]), np.vstack([right, identity])
        transposed, _ = linalg.orthogonal_procrustes(*stacked)  # rows: q·Rᵀ ≈ t
        cases.append({"lambda": shrinkage, "turned": (tools @ transposed.T).round(8).tolist()})
    return {
        "tools": tools.tolist(),
        "queries": queries.tolist(),
        "relevant": relevant,
        "cases": cases,
    }


GEOMETRY_SETTINGS = [
    {},
    {"centre": False},
    {"whiten": 0.1},
    {"whiten": 1.0},
    {"centre": False, "whiten": 0.3},
    {"centre": False, "hubness": 5},
    {"hubness": 1},
    {"whiten": 0.2, "hubness": 10},
    {"centre": False, "whiten": 0.2, "hubness": 1000},
]


def geometry_scores(tools, queries, centre=True, whiten=None, hubness=None):
    """Queries × tools. Without hubs, times the length of the mapped query, as they are served."""
    everything = np.vstack([tools, queries])
    mean, d = everything.mean(axis=0), tools.shape[1]
    matrix = np.eye(d)
    if whiten is not None:
        covariance = np.cov(everything, rowvar=False, bias=True)
        target = np.trace(covariance) / d * np.eye(d)
        matrix = np.linalg.inv(linalg.sqrtm((1 - whiten) * covariance + whiten * target))
    shift = mean if centre else np.zeros(d)

    def mapped(vector):
        return matrix @ (vector - shift)

    def cosine(query, tool):
        one, other = mapped(query), mapped(tool)
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    scores = np.array([[cosine(query, tool) for tool in tools] for query in queries])
    if hubness is None:
        return scores * np.array([[np.linalg.norm(mapped(query))] for query in queries])
    nearest = np.sort(scores, axis=0)[::-1][:hubness]
    return scores - nearest.mean(axis=0) / 2


def geometry_reference():
    rng = np.random.default_rng(SEED)
    tools, queries, relevant = s1_problem(rng, queries=60, d=10)
    common = normalised(rng.normal(size=10))  # a narrow cone, as embeddings are in
    tools, queries = (normalised(x + 0.8 * common).round(6) for x in (tools, queries))
    return {
        "tools": tools.tolist(),
        "queries": queries.tolist(),
        "relevant": relevant,
        "cases": [
            {"settings": settings, "scores": geometry_scores(tools, queries, **settings)[:12].round(8).tolist()}
            for settings in GEOMETRY_SETTINGS
        ],
    }


def multi_vector_reference(d=12, alpha=0.3):
    """Tool i has i + 1 groups of 8 queries each (the last tool no query), far apart and in mixed order."""
    rng = np.random.default_rng(SEED)
    tools = normalised(rng.normal(size=(4, d))).round(6)
    queries, relevant, groups = [], [], []
    for tool, count in enumerate([1, 2, 3, 0]):
        directions = linalg.qr(rng.normal(size=(d, d)))[0][:count]
        for group, direction in enumerate(directions):
            for _ in range(8):
                queries.append(direction + 0.1 * rng.normal(size=d))
                relevant.append([[tool, 1]])
                groups.append((tool, group))
    order = rng.permutation(len(queries))
    queries = normalised(np.array(queries)[order]).round(6)
    groups = [groups[place] for place in order]

    def vectors(tool, count):
        own = [[place for place, group in enumerate(groups) if group == (tool, g)] for g in range(count)]
        means = [queries[places].mean(axis=0) for places in own]
        return normalised(np.array([(1 - alpha) * tools[tool] + alpha * mean for mean in means]))

    expected = [vectors(0, 1), vectors(1, 2), vectors(2, 3), tools[3:]]
    return {
        "tools": tools.tolist(),
        "queries": queries.tolist(),
        "relevant": [relevant[place] for place in order],
        "vectors": [matrix.round(8).tolist() for matrix in expected],
    }


def calibrated_reference(tools=8, queries=120, d=6):
    """Some tools are named by their queries, some pointed at; tool 7 is right for none, so it is no class."""
    rng = np.random.default_rng(SEED)
    names = BM25_WORDS[:tools]
    vectors = normalised(rng.normal(size=(tools, d))).round(6)
    texts, asked, relevant = [], [], []
    for query in range(queries):
        right = int(rng.choice(tools - 1, p=np.arange(1, tools) / 28))
        named = right if rng.random() < [0.9, 0.1][right % 2] else int(rng.integers(tools))
        texts.append(names[named])
        asked.append(vectors[right] + 0.9 * rng.normal(size=d))
        other = int((right + 3) % (tools - 1))
        relevant.append([[right, 1]] + ([[other, 1]] if query % 9 == 0 else []))
    asked = normalised(np.array(asked)).round(6)
    documents = [[name] for name in names]
    words = np.array([bm25(documents, [text], 1.2, 0.75) for text in texts])
    scale = words.max(axis=1).mean()
    known = tools - 1
    target = np.zeros((queries, known))
    for query, grades in enumerate(relevant):
        target[query, [tool for tool, _ in grades]] = 1 / len(grades)
    cosines, found = (asked @ vectors.T)[:, :known], words[:, :known] / scale

    def parts(x):
        return x[0], x[1], x[2 : 2 + known], x[2 + known :]

    def loss(x, penalty):
        cosine, shared, deviations, offsets = parts(x)
        scores = cosine * cosines + (shared + deviations) * found + offsets
        entropy = -(target * (scores - scipy.special.logsumexp(scores, axis=1, keepdims=True))).sum()
        return entropy + 1e-3 / 2 * (cosine**2 + shared**2) + penalty / 2 * (x[2:] ** 2).sum()

    cases = []
    for penalty in [0.1, 1.0, 50.0]:
        start = np.zeros(2 + 2 * known)
        for _ in range(3):  # anew from where rounding of the differences ended it
            start = optimize.minimize(loss, start, (penalty,), method="BFGS", options={"gtol": 1e-7}).x
        cosine, shared, deviations, offsets = parts(start)
        cases.append({
            "penalty": penalty,
            "cosine": round(float(cosine), 5),
            "words": [*((shared + deviations) / scale).round(5).tolist(), round(float(shared / scale), 5)],
            "offsets": [*offsets.round(5).tolist(), 0.0],
        })
    return {
        "names": names,
        "texts": texts,
        "tools": vectors.tolist(),
        "queries": asked.tolist(),
        "relevant": relevant,
        "cases": cases,
    }


PLUS_DEFAULTS = {
    "pull": 0.66, "half": 1.0, "leave_out": True, "scale": 14.0, "logged_scale": 9.0, "map": True, "ridge_map": 20.0,
    "own": True, "ridge_own": 50.0, "candidates": 1.0, "drop": 0.25, "length": 0.5,
}  # fmt: skip
PLUS_SETTINGS = {
    "default but for the ridges": {},
    "the default's ridges": {"ridge_map": 200.0, "ridge_own": 500.0},
    "only prototypes": {"map": False, "own": False, "length": 1.0},
    "prototypes of another shrinkage": {"map": False, "own": False, "length": 1.0, "pull": 1.0, "half": 7.5},
    "nothing left out": {"leave_out": False},
    "no drop": {"drop": 0.0},
    "no candidates": {"candidates": 0.0},
    "heavy candidates and drop": {"candidates": 3.0, "drop": 0.8},
    "only the map": {"own": False},
    "only own vectors": {"map": False},
    "unit vectors": {"length": 0.0},
    "lengths as they are": {"length": 1.0},
    "a low scale": {"scale": 4.0},
    "a high scale": {"scale": 40.0},
    "a low scale for logs": {"logged_scale": 3.0},
    "weak ridges": {"ridge_map": 4.0, "ridge_own": 2.0},
}


def plus_problem(rng, d=8):
    """Every ninth query has the text of another one before it; two in five have a short list; every fifth is logged."""
    tools, queries, relevant = s1_problem(rng, queries=150, d=d)
    texts = [f"query {number}" for number in range(len(queries))]
    for number in range(9, len(queries), 9):
        texts[number] = texts[int(rng.integers(number))]
    lists = [
        sorted(rng.choice(len(tools), size=4, replace=False).tolist()) if rng.random() < 0.4 else []
        for _ in queries
    ]
    logged = [number for number in range(len(queries)) if number % 5 == 3]
    return tools, queries, relevant, texts, lists, logged


def plus_vectors(
    problem, pull, half, leave_out, scale, logged_scale, map, ridge_map, own, ridge_own, candidates, drop, length
):
    tools, queries, relevant, texts, lists, logged = problem
    (count, d), right = tools.shape, [{tool for tool, _ in grades} for grades in relevant]
    of_text = {}  # each text's first vector and right tools
    for text, query, mine in zip(texts, queries, right):
        of_text.setdefault(text, (query, set()))[1].update(mine)

    def prototype(tool, without=None):
        asked = [vector for text, (vector, mine) in of_text.items() if tool in mine and text != without]
        if not asked:
            return tools[tool]
        alpha = pull * len(asked) / (len(asked) + half)
        return (1 - alpha) * tools[tool] + alpha * np.mean(asked, axis=0)

    prototypes = np.array([prototype(tool) for tool in range(count)])
    known = sorted(set().union(*right))

    # A score is x·(p + M·p) + x·o: linear in what is learned, with these features and this constant.
    def features(query, vector, tool=None):
        feature = np.zeros(d * d + d * count)
        if map:
            feature[: d * d] = np.outer(query, vector).ravel()
        if own and tool is not None:
            feature[d * d + d * tool : d * d + d * (tool + 1)] = query
        return feature, float(query @ vector)

    terms = []  # weight, scaled features and constants of the right tool and then of its competitors
    for number, (query, mine) in enumerate(zip(queries, right)):
        text, is_logged = texts[number], number in logged
        wrong = [tool for tool in range(count) if tool not in of_text[text][1]]
        others = {
            tool: features(query, prototypes[tool], tool if tool in known else None) for tool in wrong
        }
        for tool in mine:
            whole = features(query, prototype(tool, text if leave_out else None), tool)
            fresh = features(query, tools[tool])
            share = 0.0 if is_logged else drop
            pools = [(1.0, wrong)]
            if not is_logged:
                pools.append((candidates, [other for other in lists[number] if other in wrong]))
            for weight, pool in pools:
                for version, part in [(whole, 1 - share), (fresh, share)]:
                    if pool and weight * part > 0:
                        all_of = [version] + [others[other] for other in pool]
                        sharp = logged_scale if is_logged else scale
                        matrix, constants = (sharp * np.array(column) for column in zip(*all_of))
                        terms.append((weight * part, matrix, constants))

    used = np.concatenate([np.full(d * d, map), np.full(d * count, own)])
    ridges = np.concatenate([np.full(d * d, ridge_map), np.full(d * count, ridge_own)])

    def probabilities(x, matrix, constants):
        return scipy.special.softmax(matrix @ x + constants)

    def loss(x):
        value = ridges @ x**2 / 2
        for weight, matrix, constants in terms:
            value -= weight * scipy.special.log_softmax(matrix @ x + constants)[0]
        return value

    def gradient(x):
        slope = ridges * x
        for weight, matrix, constants in terms:
            slope += weight * (probabilities(x, matrix, constants) @ matrix - matrix[0])
        return slope

    def hessian(x):
        curvature = np.diag(ridges)
        for weight, matrix, constants in terms:
            p = probabilities(x, matrix, constants)
            mean = p @ matrix
            curvature += weight * ((matrix.T * p) @ matrix - np.outer(mean, mean))
        return curvature

    x = np.zeros(len(used))
    if map or own:
        x = optimize.minimize(loss, x, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-7}).x
        # Newton's last steps, which the loss is too large to tell apart.
        for _ in range(3):
            x -= np.linalg.solve(hessian(x), gradient(x))
        assert np.linalg.norm(gradient(x)) < 1e-5
        assert np.all(x[~used] == 0) and np.all(np.delete(x[d * d :].reshape(count, d), known, axis=0) == 0)
    shared, own_vectors = x[: d * d].reshape(d, d), x[d * d :].reshape(count, d)
    vectors = np.array([p + shared @ p + o for p, o in zip(prototypes, own_vectors)])
    return vectors * np.linalg.norm(vectors, axis=1, keepdims=True) ** (length - 1)


def plus_reference():
    problem = plus_problem(np.random.default_rng(SEED))
    tools, queries, relevant, texts, lists, logged = problem
    settings = [PLUS_DEFAULTS | changed for changed in PLUS_SETTINGS.values()]
    vectors = [plus_vectors(problem, **setting) for setting in settings]
    for i, one in enumerate(vectors):
        for other in vectors[:i]:  # beyond the tolerance, so that no setting can be ignored
            assert np.linalg.norm(one - other) > 0.05, np.linalg.norm(one - other)
    return {
        "tools": tools.tolist(),
        "queries": queries.tolist(),
        "relevant": relevant,
        "texts": texts,
        "candidates": lists,
        "logged": logged,
        "cases": [
            {"name": name, "settings": setting, "vectors": matrix.round(8).tolist()}
            for name, setting, matrix in zip(PLUS_SETTINGS, settings, vectors)
        ],
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


def write(name, reference, **versions):
    header = {
        "generated_by": "generate.py",
        "seed": SEED,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, **versions},
    }
    text = json.dumps({**header, **reference}, separators=(",", ":"))
    # A line a row, so that a difference can be read.
    text = text.replace("],[", "],\n[").replace('"cases"', '\n"cases"').replace("},{", "},\n{")
    (HERE / name).write_text(text + "\n", encoding="utf-8")


write("s1.json", s1_reference())
write("ridge.json", ridge_reference())
write("bm25.json", bm25_reference())
write("procrustes.json", procrustes_reference(), scipy=scipy.__version__)
write("geometry.json", geometry_reference(), scipy=scipy.__version__)
write("multi_vector.json", multi_vector_reference(), scipy=scipy.__version__)
write("calibrated.json", calibrated_reference(), scipy=scipy.__version__)
write("plus.json", plus_reference(), scipy=scipy.__version__)
