"""Writes the figures that the tests of oats-metrics must agree with.

    pip install pytrec_eval-terrier==0.5.11 ranx==0.3.21 numpy==2.4.6 scipy==1.17.1
    python generate.py

cases.json      A TREC run and qrels of 60 random queries, and each query's metrics: by pytrec_eval
                (trec_eval's C code, which is the authority) and by ranx (numba). Both read the same
                lines as our test. ranx leaves the order of tied items open, so it is given the items
                in trec_eval's order; the script stops if the two disagree anywhere.
bootstrap.json  Cluster bootstrap intervals over two strata, by an explicit resampling of the
                observations in numpy, and of independent observations by scipy.stats.bootstrap.

The files record the seed and the versions of everything used; the same versions write the same
bytes. Nothing of oats-metrics runs here.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytrec_eval
import ranx
import scipy.stats

SEED = 20260313
HERE = Path(__file__).parent

# Ours, trec_eval's (as asked for and as answered), ranx's.
METRICS = [
    ("ndcg@1", "ndcg_cut.1", "ndcg_cut_1", "ndcg@1"),
    ("ndcg@5", "ndcg_cut.5", "ndcg_cut_5", "ndcg@5"),
    ("ndcg@10", "ndcg_cut.10", "ndcg_cut_10", "ndcg@10"),
    ("recall@1", "recall.1", "recall_1", "recall@1"),
    ("recall@3", "recall.3", "recall_3", "recall@3"),
    ("recall@5", "recall.5", "recall_5", "recall@5"),
    ("precision@1", "P.1", "P_1", "precision@1"),
    ("precision@5", "P.5", "P_5", "precision@5"),
    ("hit@1", "success.1", "success_1", "hit_rate@1"),
    ("hit@5", "success.5", "success_5", "hit_rate@5"),
    ("mrr", "recip_rank", "recip_rank", "mrr"),
    ("map", "map", "map", "map"),
]

# Byte order is not the order of the numbers (tool9 > tool10), nor the alphabet's (Z < a < é).
ITEMS = [f"tool{i}" for i in range(24)] + ["Zoom", "asana", "Asana", "étude", "größe", "日历"]


def scores(rng, kind, n):
    """n scores, as text."""
    if kind == "distinct":
        return [f"{s:.6f}" for s in rng.permutation(n) / n + rng.uniform(0, 1e-3)]
    if kind == "few values":
        return [f"{s:.2f}" for s in rng.integers(-2, 3, n) / 4]
    if kind == "all equal":
        return ["0.5"] * n
    if kind == "tied only as f32":
        return [f"{1 + s * 1e-9:.12f}" for s in rng.permutation(n)]
    if kind == "extreme":
        return [f"{s:.7e}" for s in rng.normal(size=n) * 10.0 ** rng.integers(-44, 38, n)]
    raise ValueError(kind)


def cases(rng):
    """Lines of a run and of qrels, the run's shuffled over all queries."""
    run, qrels = [], []
    kinds = ["distinct", "few values", "all equal", "tied only as f32", "extreme"]
    for number in range(60):
        query = f"q{number}"
        ranked = int(rng.integers(1, 5) if number % 4 == 0 else rng.integers(5, 26))
        items = rng.permutation(ITEMS)[:ranked]
        for item, score in zip(items, scores(rng, kinds[number % len(kinds)], ranked)):
            # A rank that is wrong on purpose: readers must not look at it.
            run.append(f"{query} Q0 {item} {rng.integers(1, 99)} {score} reference")
        # Drawn from all items, so that some relevant ones are not ranked.
        judged = rng.permutation(ITEMS)[: int(rng.integers(1, 9))]
        for item in judged:
            grade = 0 if number % 10 == 3 else int(rng.choice([0, 1, 1, 2, 3]))
            qrels.append(f"{query} 0 {item} {grade}")
    return [run[i] for i in rng.permutation(len(run))], qrels


def by_pytrec_eval(run, qrels):
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, {asked for _, asked, _, _ in METRICS})
    answers = evaluator.evaluate(run)
    return {
        query: {ours: answers[query][answered] for ours, _, answered, _ in METRICS}
        for query in run
    }


def by_ranx(run, qrels):
    def in_order(scored):
        order = sorted(
            scored, key=lambda item: (np.float32(scored[item]), item.encode()), reverse=True
        )
        return {item: float(len(order) - place) for place, item in enumerate(order)}

    answers = {query: {} for query in run}
    for query in run:
        relevant = {item: grade for item, grade in qrels[query].items() if grade > 0}
        if not relevant:  # ranx has no such queries
            continue
        one = ranx.evaluate(
            ranx.Qrels({query: relevant}),
            ranx.Run({query: in_order(run[query])}),
            [theirs for _, _, _, theirs in METRICS],
        )
        answers[query] = {ours: float(one[theirs]) for ours, _, _, theirs in METRICS}
    return answers


def metric_reference():
    lines, judged = cases(np.random.default_rng(SEED))
    run, qrels = {}, {}
    for line in lines:
        query, _, item, _, score, _ = line.split()
        run.setdefault(query, {})[item] = float(score)
    for line in judged:
        query, _, item, grade = line.split()
        qrels.setdefault(query, {})[item] = int(grade)
    authority, check = by_pytrec_eval(run, qrels), by_ranx(run, qrels)
    for query, values in check.items():
        for metric, value in values.items():
            assert abs(value - authority[query][metric]) < 1e-9, (query, metric, value, authority[query])
    return {
        "run": lines,
        "qrels": judged,
        "expected": {
            query: {"pytrec_eval": authority[query], "ranx": check[query]} for query in sorted(run)
        },
    }


def clustered(rng, replicates=20_000):
    """Two strata that share some of 40 clusters; two columns; a baseline and a treatment."""
    effect = rng.normal(size=(40, 2)) * 0.2
    strata = []
    for members in (range(0, 28), range(15, 40)):
        labels = np.sort(rng.choice(list(members), size=60))
        noise = rng.normal(size=(2, 60, 2)) * 0.15
        baseline = 0.5 + effect[labels] + noise[0]
        treatment = 0.56 + 0.8 * effect[labels] + noise[1]
        strata.append((labels, baseline.round(6), treatment.round(6)))

    labels = sorted({int(label) for stratum in strata for label in stratum[0]})
    draws = {"baseline": [], "difference": []}
    for _ in range(replicates):
        drawn = rng.choice(labels, size=len(labels))
        means = {name: [] for name in draws}
        for of, baseline, treatment in strata:
            rows = np.concatenate([np.flatnonzero(of == label) for label in drawn])
            if len(rows):
                means["baseline"].append(baseline[rows].mean(axis=0))
                means["difference"].append((treatment - baseline)[rows].mean(axis=0))
        for name in draws:
            draws[name].append(np.mean(means[name], axis=0))

    answer = {
        "replicates": replicates,
        "strata": [
            {"clusters": of.tolist(), "baseline": b.tolist(), "treatment": t.tolist()}
            for of, b, t in strata
        ],
    }
    for name, sample in draws.items():
        observed = [b if name == "baseline" else t - b for _, b, t in strata]
        low, high = np.quantile(sample, [0.025, 0.975], axis=0)
        answer[name] = {
            "value": np.mean([o.mean(axis=0) for o in observed], axis=0).tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
        }
    return answer


def independent(rng, replicates=20_000):
    """150 skewed observations, each its own cluster."""
    values = rng.beta(0.6, 0.3, size=150).round(6)
    interval = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=replicates, method="percentile", rng=rng
    ).confidence_interval
    return {
        "replicates": replicates,
        "values": values.tolist(),
        "low": float(interval.low),
        "high": float(interval.high),
    }


def bootstrap_reference():
    rng = np.random.default_rng(SEED)
    return {"clustered": clustered(rng), "independent": independent(rng)}


def write(name, reference):
    packages = ["pytrec_eval-terrier", "ranx", "numpy", "scipy"]
    header = {
        "generated_by": "generate.py",
        "seed": SEED,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
    }
    text = json.dumps({**header, **reference}, indent=1, ensure_ascii=False)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


write("cases.json", metric_reference())
write("bootstrap.json", bootstrap_reference())
