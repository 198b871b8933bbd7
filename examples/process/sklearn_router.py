"""scikit-learn as a router: TF-IDF vectors, and for each tool the centroid of its text and its training queries."""

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from oats_process import serve


class Router:
    def __init__(self, tools, examples, seed):
        self.names = [tool["name"] for tool in tools]
        self.rows = {name: row for row, name in enumerate(self.names)}
        texts = [tool["text"] for tool in tools] + [one["query"] for one in examples]
        members = [(row, row) for row in range(len(tools))] + [
            (self.rows[right["tool"]], len(tools) + number)
            for number, example in enumerate(examples)
            for right in example["relevant"]
        ]
        self.words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
        vectors = self.words.fit_transform(texts)
        ones = np.ones(len(members))
        sums = csr_array((ones, tuple(zip(*members))), shape=(len(tools), len(texts)))
        self.centroids = normalize(sums @ vectors)

    def rank(self, query, candidates, k):
        scores = self.centroids @ self.words.transform([query]).T
        scores = scores.toarray().ravel()
        names = self.names if candidates is None else candidates
        return [(name, scores[self.rows[name]]) for name in names]


if __name__ == "__main__":
    serve(Router)
