"""Aurelio's semantic-router: a route for each tool, whose utterances are its text and some of its training queries.

The encoder hashes pieces of words, so that neither a model nor the network is needed. A better one is a line: with
the package sentence-transformers, `LocalEncoder(name="all-MiniLM-L6-v2")` of `semantic_router.encoders.local`.
"""

from semantic_router import Route
from semantic_router.encoders import DenseEncoder
from semantic_router.routers import IndexedRouter
from sklearn.feature_extraction.text import HashingVectorizer

from oats_process import serve

# A handful, as the library's documentation has it.
UTTERANCES = 10

PIECES = HashingVectorizer(
    analyzer="char_wb", ngram_range=(3, 5), n_features=1024, alternate_sign=False
)


class HashEncoder(DenseEncoder):
    name: str = "hashed-pieces"

    def __call__(self, docs):
        return PIECES.transform(docs).toarray().tolist()

    async def acall(self, docs):
        return self(docs)


class Router:
    def __init__(self, tools, examples, seed):
        utterances = {tool["name"]: [tool["text"]] for tool in tools}
        for example in examples:
            for right in example["relevant"]:
                known = utterances[right["tool"]]
                if len(known) <= UTTERANCES and example["query"] not in known:
                    known.append(example["query"])
        self.router = IndexedRouter(
            encoder=HashEncoder(),
            routes=[Route(name=name, utterances=texts) for name, texts in utterances.items()],
            top_k=sum(map(len, utterances.values())),
            aggregation="max",
        )
        self.tools = len(tools)

    def rank(self, query, candidates, k):
        choices = self.router(query, limit=self.tools)
        choices = choices if isinstance(choices, list) else [choices]
        scores = {choice.name: choice.confidence for choice in choices}
        names = scores if candidates is None else candidates
        return [(name, scores[name]) for name in names]


if __name__ == "__main__":
    serve(Router)
