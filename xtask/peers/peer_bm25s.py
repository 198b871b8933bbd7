"""bm25s with its own tokeniser, its English stop words and PyStemmer."""

import bm25s
import Stemmer

PACKAGES = ["bm25s", "PyStemmer", "numpy"]


class Peer:
    def __init__(self, data):
        self.queries = data.queries
        self.stemmer = Stemmer.Stemmer("english")
        self.index = bm25s.BM25(method="lucene", k1=data.k1, b=data.b)
        self.index.index(self.words(data.tools), show_progress=False)

    def words(self, texts):
        return bm25s.tokenize(
            texts, stopwords="en", stemmer=self.stemmer, show_progress=False
        )

    def rank(self, row, k):
        tools, scores = self.index.retrieve(
            self.words([self.queries[row]]), k=k, show_progress=False
        )
        return tools[0].tolist(), scores[0].tolist()
