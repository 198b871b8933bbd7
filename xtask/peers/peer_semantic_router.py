"""Aurelio's semantic-router: an IndexedRouter with its local encoder, a route for each tool."""

import torch
from semantic_router import Route
from semantic_router.encoders.local import LocalEncoder
from semantic_router.routers import IndexedRouter

PACKAGES = ["semantic-router", "sentence-transformers", "torch", "numpy"]


class Peer:
    def __init__(self, data):
        torch.set_num_threads(data.threads)
        self.queries = data.queries
        routes = [
            Route(name=str(tool), utterances=[text])
            for tool, text in enumerate(data.tools)
        ]
        encoder = LocalEncoder(name=data.model, device="cpu")
        self.router = IndexedRouter(encoder=encoder, routes=routes, top_k=data.k)

    def rank(self, row, k):
        choices = self.router(self.queries[row], limit=k)
        return [int(choice.name) for choice in choices], [
            choice.confidence for choice in choices
        ]
