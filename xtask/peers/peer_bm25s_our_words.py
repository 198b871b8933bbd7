"""bm25s with the words that `bm25` makes of the texts: its scores and its search alone."""

import bm25s

PACKAGES = ["bm25s", "numpy"]


class Peer:
    def __init__(self, data):
        self.queries = data.query_words
        self.index = bm25s.BM25(method="lucene", k1=data.k1, b=data.b)
        self.index.index(data.tool_words, show_progress=False)

    def rank(self, row, k):
        tools, scores = self.index.retrieve(
            [self.queries[row]], k=k, show_progress=False
        )
        return tools[0].tolist(), scores[0].tolist()
