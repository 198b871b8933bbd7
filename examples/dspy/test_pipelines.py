"""The pipelines against a local stub of an OpenAI-compatible endpoint: `python -m unittest`."""

import json
import os
import subprocess
import sys
import threading
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

# No proxy stands before the stub, and DSPy asks nobody for the prices of its model.
os.environ["no_proxy"] = "127.0.0.1"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

import dspy
from dspy.utils.exceptions import AdapterParseError
from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter, ValidationError

from pipelines import Pipeline, PlannedPipeline, RoutedPipeline
from router import BadRequest, Call, Router, RouterError
from tools import TOOLS

FOLDER = Path(__file__).parent
MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])

# Requests, and the tool that the stub plans for each. The router has not seen their words.
REQUESTS = {
    "Will I need an umbrella in Leeds tomorrow?": "forecast_days",
    "turn the living room lights off": "control_lights",
    "What is 200 euros in yen?": "fx_convert",
    "cheapest flight to Lisbon on Friday": "search_flights",
    "how much money is left in my account": "check_balance",
}
UMBRELLA = next(iter(REQUESTS))
RESULTS = {tool.__name__: tool("") for tool in TOOLS}


def check_messages(messages: Any) -> None:
    """Checks messages by OpenAI's own types, and by what these cannot say.

    Raises:
        ValueError: They are not valid.
    """
    open_calls: list[str] = []
    for message in MESSAGES.validate_python(messages):
        if message["role"] == "tool":
            if not open_calls or message["tool_call_id"] != open_calls.pop(0):
                raise ValueError(f"answers no call: {message}")
            continue
        if open_calls:
            raise ValueError(f"calls without an answer: {open_calls}")
        # pydantic checks an iterable while it is read
        for call in message.get("tool_calls", ()):
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                raise ValueError(f"the arguments are no object: {call}")
            open_calls.append(call["id"])
    if open_calls:
        raise ValueError(f"calls without an answer: {open_calls}")


class Stub(ThreadingHTTPServer):
    """Answers as a chat model would: plans when it is asked for a tool, else replies."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.problems: list[Exception] = []
        self.tokens = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def reply(self, request: dict[str, Any]) -> str:
        *_, last = request["messages"]
        if last["role"] == "tool":
            return f"I looked it up: {last['content']}"
        tool = next(tool for text, tool in REQUESTS.items() if text in last["content"])
        return f"[[ ## tool ## ]]\n{tool}\n\n[[ ## completed ## ]]"


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(length))
        stub = self.server
        stub.requests.append(request)
        try:
            check_messages(request["messages"])
        except ValueError as problem:
            stub.problems.append(problem)
        reply = stub.reply(request)
        message = {"role": "assistant", "content": reply}
        prompt, completion = len(json.dumps(request).split()), len(reply.split())
        stub.tokens += prompt + completion
        body = json.dumps(
            {
                "id": "stub",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": prompt,
                    "completion_tokens": completion,
                    "total_tokens": prompt + completion,
                },
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


router: Router


def setUpModule() -> None:
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    global router
    router = Router()
    unittest.addModuleCleanup(router.close)


class TestPipelines(unittest.TestCase):
    def setUp(self) -> None:
        self.stub = Stub()
        threading.Thread(target=self.stub.serve_forever, daemon=True).start()
        self.addCleanup(self.stub.server_close)
        self.addCleanup(self.stub.shutdown)
        lm = dspy.LM("openai/stub", api_base=self.stub.url, api_key="none", cache=False)
        dspy.configure(lm=lm)

    def tearDown(self) -> None:
        self.assertEqual(self.stub.problems, [])

    def ask(self, pipeline: Pipeline, request: str) -> dspy.Prediction:
        """Asks, and checks what is counted against what reached the stub."""
        self.stub.requests.clear()
        self.stub.tokens = 0
        made = pipeline(request=request)
        self.assertEqual(made.llm_calls, len(self.stub.requests))
        self.assertEqual(made.tokens, self.stub.tokens)
        return made

    def test_one_call_for_two_with_the_same_tool_and_answer(self) -> None:
        for request, tool in REQUESTS.items():
            with self.subTest(request):
                routed = self.ask(RoutedPipeline(router), request)
                planned = self.ask(PlannedPipeline(router), request)
                self.assertEqual((routed.llm_calls, planned.llm_calls), (1, 2))
                self.assertEqual((routed.tool, planned.tool), (tool, tool))
                self.assertEqual(routed.answer, f"I looked it up: {RESULTS[tool]}")
                self.assertEqual(planned.answer, routed.answer)
                self.assertLess(routed.tokens, planned.tokens)

    def test_the_final_call_reads_as_if_the_llm_had_called_the_tool(self) -> None:
        self.ask(RoutedPipeline(router), UMBRELLA)
        (request,) = self.stub.requests
        system, user, assistant, tool = request["messages"]
        self.assertEqual(system["role"], "system")
        self.assertEqual(user, {"role": "user", "content": UMBRELLA})
        self.assertIsNone(assistant["content"])
        (call,) = assistant["tool_calls"]
        self.assertEqual(call["function"]["name"], "forecast_days")
        arguments = json.loads(call["function"]["arguments"])
        self.assertEqual(arguments, {"request": UMBRELLA})
        self.assertEqual(tool["tool_call_id"], call["id"])
        self.assertEqual(tool["content"], RESULTS["forecast_days"])

    def test_both_make_the_same_final_call(self) -> None:
        self.ask(RoutedPipeline(router), UMBRELLA)
        *_, routed = self.stub.requests
        self.ask(PlannedPipeline(router), UMBRELLA)
        *_, planned = self.stub.requests
        self.assertEqual(routed, planned)

    def test_the_planner_is_told_what_the_router_is(self) -> None:
        self.ask(PlannedPipeline(router), UMBRELLA)
        plan = json.dumps(self.stub.requests[0])
        for tool in router.rank(UMBRELLA, candidates=list(RESULTS)):
            self.assertIn(tool.name, plan)
            self.assertIn(tool.description, plan)

    def test_a_planned_tool_that_there_is_not(self) -> None:
        reply = "[[ ## tool ## ]]\nsing\n\n[[ ## completed ## ]]"
        with (
            patch.object(self.stub, "reply", return_value=reply),
            self.assertRaisesRegex(AdapterParseError, "sing"),
        ):
            PlannedPipeline(router)(request=UMBRELLA)

    def test_demonstrations_are_chats(self) -> None:
        pipeline = RoutedPipeline(router)
        call = Call("fx_convert", RESULTS["fx_convert"], {"request": "5 € in yen"})
        history = dspy.History(messages=router.history("5 € in yen", [call]))
        pipeline.answer.demos = [dspy.Example(history=history, answer="812 yen")]
        self.ask(pipeline, UMBRELLA)
        (request,) = self.stub.requests
        roles = [message["role"] for message in request["messages"]]
        once = ["user", "assistant", "tool"]
        self.assertEqual(roles, ["system", *once, "assistant", *once])
        self.assertEqual(request["messages"][4]["content"], "812 yen")

    def test_copies_share_a_router(self) -> None:
        copied = RoutedPipeline(router).deepcopy()
        self.assertIs(copied.router, router)
        self.assertEqual(self.ask(copied, UMBRELLA).tool, "forecast_days")

    def test_threads_share_a_router(self) -> None:
        pipeline = RoutedPipeline(router)
        requests = list(REQUESTS) * 4
        asked = dspy.Parallel(num_threads=8, disable_progress_bar=True)
        made = asked([(pipeline, {"request": request}) for request in requests])
        for request, prediction in zip(requests, made, strict=True):
            self.assertEqual(prediction.tool, REQUESTS[request])
            self.assertEqual(prediction.llm_calls, 1)

    def test_compare(self) -> None:
        told = subprocess.run(
            [sys.executable, "compare.py", UMBRELLA]
            + ["--model", "openai/stub", "--api-base", self.stub.url],
            cwd=FOLDER,
            env={**os.environ, "OPENAI_API_KEY": "none"},
            capture_output=True,
            text=True,
        )
        self.assertEqual(told.returncode, 0, told.stderr)
        for line in (
            "RoutedPipeline: forecast_days, 1 LLM calls",
            "PlannedPipeline: forecast_days, 2 LLM calls",
        ):
            self.assertIn(line, told.stdout)
        self.assertEqual(len(self.stub.requests), 3)


class TestRouter(unittest.TestCase):
    def test_ranks_candidates_or_all(self) -> None:
        self.assertEqual(len(router.rank(UMBRELLA, k=7)), 7)
        ranked = router.rank(UMBRELLA, candidates=["fx_convert", "forecast_days"])
        self.assertEqual(
            [tool.name for tool in ranked], ["forecast_days", "fx_convert"]
        )
        self.assertGreater(ranked[0].score, ranked[1].score)

    def test_a_history_of_several_calls_is_valid(self) -> None:
        calls = [Call(tool, result) for tool, result in RESULTS.items()]
        messages = router.history("everything, please", calls)
        check_messages(messages)
        self.assertEqual(len(messages), 2 + len(calls))

    def test_bad_requests_are_told_and_harm_nobody(self) -> None:
        for ask, told in (
            (lambda: router.rank("hello", candidates=["sing"]), "`sing`"),
            (lambda: router.rank("hello", k=0), "k: "),
            (lambda: router.rank(" "), "the text is empty"),
            (lambda: router.rank("\ud800"), "JSON"),
            (lambda: router.history("hello", [Call("sing", "la")]), "`sing`"),
            (lambda: router.ask({"txt": "hello"}), "`txt`"),
        ):
            with self.assertRaisesRegex(BadRequest, rf"line \d+: .*{told}"):
                ask()
            self.assertEqual(router.rank(UMBRELLA, k=1)[0].name, "forecast_days")

    def test_threads_get_their_own_answers(self) -> None:
        def best(request: str) -> str:
            return router.rank(request, candidates=list(RESULTS), k=1)[0].name

        requests = list(REQUESTS) * 20
        with ThreadPoolExecutor(8) as pool:
            tools = list(pool.map(best, requests))
        self.assertEqual(tools, [REQUESTS[request] for request in requests])


class TestBrokenRouters(unittest.TestCase):
    def assert_fails(self, program: str, told: str) -> Router:
        """Asks a Python program that is no router, which must be told in words."""
        broken = Router([sys.executable, "-c", program], timeout=1, start_timeout=5)
        self.addCleanup(broken.close)
        with self.assertRaisesRegex(RouterError, told):
            broken.rank("hello")
            broken.rank("hello again")
        return broken

    def test_that_cannot_be_started(self) -> None:
        with self.assertRaisesRegex(RouterError, "cannot be started.*no-such-command"):
            Router(["no-such-command"])

    def test_that_refuses_to_start(self) -> None:
        broken = Router(["cargo", "xtask", "route", "--jsonl", "--router", "bm52"])
        self.addCleanup(broken.close)
        with self.assertRaisesRegex(RouterError, "exit code 2: .*`bm52`"):
            broken.rank("hello")

    def test_that_dies(self) -> None:
        answer = 'input(); print(\'{"id": 1, "tools": []}\', flush=True)'
        told = "has ended, with exit code 3: no more"
        program = (
            f"{answer}; import sys; print('no more', file=sys.stderr); sys.exit(3)"
        )
        broken = self.assert_fails(program, told)
        with self.assertRaisesRegex(RouterError, told):
            broken.rank("is anybody there?")

    def test_that_hangs(self) -> None:
        answer = 'input(); print(\'{"id": 1, "tools": []}\', flush=True)'
        self.assert_fails(
            f"{answer}; import time; time.sleep(60)", "no answer within 1 s"
        )

    def test_that_babbles(self) -> None:
        self.assert_fails("input(); print('hello')", "no JSON object: 'hello'")
        self.assert_fails("input(); print('[]')", "no JSON object")
        self.assert_fails("input(); print('{\"id\": 7}')", "another request")

    def test_that_was_closed(self) -> None:
        with Router([sys.executable, "-c", "input()"]) as closed:
            pass
        with self.assertRaisesRegex(RouterError, "has ended"):
            closed.rank("hello")


class TestChecks(unittest.TestCase):
    """The stub would notice."""

    def test_valid_messages_are_valid(self) -> None:
        check_messages(self.chat())

    def test_invalid_messages_are_not(self) -> None:
        for spoil in self.spoils():
            messages = self.chat()
            spoil(messages)
            with self.assertRaises((ValueError, ValidationError)):
                check_messages(messages)

    def chat(self) -> list[dict[str, Any]]:
        return router.history("hello", [Call("fx_convert", "7")])

    def spoils(self) -> Iterator[Any]:
        yield lambda messages: messages.pop()
        yield lambda messages: messages.append(messages[-1])
        yield lambda messages: messages[0].update(role="someone")
        yield lambda messages: messages[0].pop("content")
        yield lambda messages: messages[1]["tool_calls"][0].pop("id")
        yield lambda messages: messages[1]["tool_calls"][0].update(id="call_other")
        yield lambda messages: messages[1]["tool_calls"][0]["function"].update(
            arguments={}
        )
        yield lambda messages: messages[2].pop("tool_call_id")


if __name__ == "__main__":
    unittest.main()
