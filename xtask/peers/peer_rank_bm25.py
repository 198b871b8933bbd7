"""rank-bm25's BM25Okapi with the words that `bm25` makes of the texts. Its inverse document frequency is another."""

from rank_bm25 import BM25Okapi

from best import best

PACKAGES = ["rank-bm25", "numpy"]


class Peer:
    def __init__(self, data):
        self.queries = data.query_words
        self.index = BM25Okapi(data.tool_words, k1=data.k1, b=data.b)

    def rank(self, row, k):
        return best(self.index.get_scores(self.queries[row]), k)
