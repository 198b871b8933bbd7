"""The process that an experiment starts for `kind = "process"`: docs/process-router.md, as one function.

A router is a class: `Router(tools, examples, seed)` learns, `rank(query, candidates, k)` gives names of tools, best
first, or pairs of a name and its score in any order. Whatever it prints goes to standard error.
"""

import json
import os
import sys


def serve(make_router) -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer: dict) -> None:
        print(json.dumps(answer), file=out, flush=True)

    lines = (json.loads(line) for line in sys.stdin.buffer)
    catalogue, training = next(lines), next(lines)
    if catalogue["oats"] != 1:
        sys.exit(f"version {catalogue['oats']} of the protocol is not known here")
    router = make_router(catalogue["tools"], training["examples"], training["seed"])
    say({"ready": True})
    for asked in lines:
        ranking = router.rank(asked["query"], asked["candidates"], asked["k"])
        say({"id": asked["id"], "ranking": [entry(tool) for tool in ranking]})


def entry(tool):
    if isinstance(tool, str):
        return tool
    name, score = tool
    return {"tool": name, "score": float(score)}
