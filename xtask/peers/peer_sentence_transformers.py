"""MiniLM by sentence-transformers, and a product with NumPy."""

import torch
from sentence_transformers import SentenceTransformer

from best import best

PACKAGES = ["sentence-transformers", "transformers", "torch", "numpy"]


class Peer:
    def __init__(self, data):
        torch.set_num_threads(data.threads)
        self.queries = data.queries
        self.model = SentenceTransformer(data.model, device="cpu")
        self.tools = self.model.encode(data.tools)

    def rank(self, row, k):
        vector = self.model.encode(self.queries[row])
        return best(self.tools @ vector, k)
