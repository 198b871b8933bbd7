"""A client of `cargo xtask route --jsonl`: one process, kept alive, one request at a time."""

import json
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("cargo", "xtask", "route", "--jsonl")


class RouterError(Exception):
    """The router did not answer: it has ended, hangs, or is no router."""


class BadRequest(RouterError):
    """The router answered that it cannot serve this request, and why."""


@dataclass(frozen=True)
class Tool:
    """A tool as the router ranked it."""

    name: str
    function: str  # its name in messages and in the API's field `tools`
    score: float  # compares within one ranking only
    description: str


@dataclass(frozen=True)
class Call:
    """A call of a tool that was made."""

    tool: str
    result: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Router:
    """Ranks tools, and writes calls of them as a chat. Can be shared between threads.

    The first answer may take `start_timeout` seconds, as the router has to be built and to
    learn before it; the others `timeout` seconds.
    """

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        cwd: Path | None = ROOT,
        timeout: float = 10.0,
        start_timeout: float = 900.0,
    ) -> None:
        self._timeout = timeout
        self._limit = start_timeout
        self._lock = threading.Lock()
        self._asked = 0
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._complaints: deque[str] = deque(maxlen=10)
        try:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise RouterError(f"the router cannot be started: {error}") from error
        self._readers = [
            threading.Thread(target=read, daemon=True)
            for read in (self._read_answers, self._read_complaints)
        ]
        for reader in self._readers:
            reader.start()

    def rank(
        self, text: str, candidates: Sequence[str] | None = None, k: int | None = None
    ) -> list[Tool]:
        """The best `k` tools for a text, of `candidates` or of the whole catalogue."""
        request: dict[str, Any] = {"text": text}
        if candidates is not None:
            request["candidates"] = list(candidates)
        if k is not None:
            request["k"] = k
        return [Tool(**tool) for tool in self.ask(request)["tools"]]

    def history(self, text: str, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """The chat in which a user wrote `text` and an LLM made these calls, as messages."""
        request = {"text": text, "calls": [asdict(call) for call in calls]}
        return self.ask(request)["messages"]

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to any request, as `cargo xtask route --help` describes both."""
        with self._lock:
            self._asked += 1
            line = json.dumps({**request, "id": self._asked})
            answer = self._exchange(line)
            if "error" in answer:
                raise BadRequest(answer["error"])
            if answer.get("id") != self._asked:
                self._stop()
                raise RouterError(f"this answers another request: {answer}")
        return answer

    def close(self) -> None:
        """Ends the router."""
        with self._lock:
            self._stop()

    def __enter__(self) -> "Router":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, _: object) -> "Router":
        """Itself: DSPy's optimisers copy modules, and one process serves all copies."""
        return self

    def _exchange(self, line: str) -> dict[str, Any]:
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=self._limit)
        except (OSError, ValueError):  # a broken pipe, or one that was closed
            raise self._ended() from None
        except queue.Empty:
            self._stop()
            raise RouterError(
                f"no answer within {self._limit:g} s; the router was ended"
            ) from None
        if answer is None:
            raise self._ended()
        self._limit = self._timeout
        try:
            read = json.loads(answer)
        except json.JSONDecodeError:
            read = None
        if not isinstance(read, dict):
            self._stop()
            raise RouterError(f"the answer is no JSON object: {answer.strip()!r}")
        return read

    def _ended(self) -> RouterError:
        self._stop()
        code = self._process.returncode
        told = "".join(self._complaints).strip() or "it told nothing"
        return RouterError(f"the router has ended, with exit code {code}: {told}")

    def _stop(self) -> None:
        """Lets the process end by the end of its input, or else kills it."""
        try:
            self._process.stdin.close()
        except OSError:  # what was not sent yet cannot be any more
            pass
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(timeout=1)

    def _read_answers(self) -> None:
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put(None)

    def _read_complaints(self) -> None:
        with self._process.stderr as lines:
            self._complaints.extend(lines)
