"""One peer as a process: a question a line on standard input, an answer a line on standard output, in JSON.

`cargo xtask peers` starts `python worker.py PEER FOLDER THREADS` and sends one question at a time:

    {"ask": "rank", "row": 3, "k": 5}  ->  {"nanos": 9000000, "tools": [7, 1], "scores": [0.9, 0.4]}
    {"ask": "fit", "of": "training"}   ->  {"nanos": 9000000}, with {"file": "x.f32"} in FOLDER if vectors were made

The first line out is {"ready": {package: version}}. Time is taken around the peer's own work, so that neither
JSON nor the pipe is charged to it. A peer is the module `peer_NAME`, which has `PACKAGES` and a class `Peer` with
the methods `rank` or `fit`.
"""

import contextlib
import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np


class Data(SimpleNamespace):
    """What the driver wrote into FOLDER: the fields of data.json, and matrices beside it."""

    def __init__(self, folder: Path, threads: int):
        super().__init__(**json.loads((folder / "data.json").read_text()))
        self.folder = folder
        self.threads = threads

    def matrix(self, name: str) -> np.ndarray:
        """Vectors, a row each, in float32."""
        return np.fromfile(self.folder / f"{name}.f32", "<f4").reshape(
            -1, self.dimension
        )


def main() -> None:
    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    # Whatever else is printed goes to standard error.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer: dict) -> None:
        print(json.dumps(answer), file=out, flush=True)

    module = importlib.import_module(f"peer_{name.replace('-', '_')}")
    peer = module.Peer(Data(folder, threads))
    versions = {package: version(package) for package in module.PACKAGES}
    say({"ready": {"python": platform.python_version(), **versions}})
    for line in sys.stdin:
        question = json.loads(line)
        method = getattr(peer, question.pop("ask"))
        started = time.perf_counter_ns()
        made = method(**question)
        nanos = time.perf_counter_ns() - started
        if isinstance(made, tuple):
            tools, scores = made
            say({"nanos": nanos, "tools": tools, "scores": scores})
        else:
            answer = {"nanos": nanos}
            if made is not None:
                answer["file"] = f"{name}.f32"
                made.astype("<f4").tofile(folder / answer["file"])
            say(answer)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
