"""The same pipeline twice: a tool is chosen by a router, or by an LLM that plans.

Everything else is the same: the tool is called with the user's words, and one LLM call makes the
answer from its result.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import dspy
from dspy.utils.callback import BaseCallback

from router import Call, Router
from tools import TOOLS, Function


class Answer(dspy.Signature):
    """Answer the user's request from what the tools returned."""

    history: dspy.History = dspy.InputField()
    answer: str = dspy.OutputField()


class Plan(dspy.Signature):
    """Choose the tool that serves the user's request."""

    request: str = dspy.InputField()
    tools: dict[str, str] = dspy.InputField(desc="each tool's name and description")
    tool: str = dspy.OutputField(desc="the name of one of the tools")


class ChatHistory(dspy.Adapter):
    """Sends the history's messages as they are, and takes the whole reply as the output.

    DSPy's own adapters ask for `[[ ## answer ## ]]` around a reply; a chat model that got a
    tool's result replies in plain words.
    """

    def format(
        self,
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        (output,) = signature.output_fields
        messages = [{"role": "system", "content": signature.instructions}]
        for demo in demos:
            messages += demo["history"].messages
            messages.append({"role": "assistant", "content": demo[output]})
        return messages + inputs["history"].messages

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        (output,) = signature.output_fields
        return {output: completion.strip()}


class Pipeline(dspy.Module):
    """From a request to an answer by one tool: `pipeline(request="…")`.

    The prediction holds the `answer`, the `tool` it comes from, the number of `llm_calls` and
    their `tokens`, in and out, as far as the endpoint reports them.
    """

    def __init__(self, router: Router, tools: Sequence[Function] = TOOLS) -> None:
        super().__init__()
        self.router = router
        self.tools = {tool.__name__: tool for tool in tools}
        self.answer = dspy.Predict(Answer)

    def choose(self, request: str) -> str:
        """The name of the tool to call."""
        raise NotImplementedError

    def forward(self, request: str) -> dspy.Prediction:
        with metered() as meter:
            tool = self.choose(request)
            arguments = {"request": request}
            result = self.tools[tool](**arguments)
            call = Call(tool=tool, arguments=arguments, result=result)
            history = dspy.History(messages=self.router.history(request, [call]))
            with dspy.context(adapter=ChatHistory()):
                answer = self.answer(history=history).answer
        return dspy.Prediction(
            answer=answer, tool=tool, llm_calls=meter.calls, tokens=meter.tokens
        )


class RoutedPipeline(Pipeline):
    """The router chooses: one LLM call in all."""

    def choose(self, request: str) -> str:
        (best,) = self.router.rank(request, candidates=list(self.tools), k=1)
        return best.name


class PlannedPipeline(Pipeline):
    """An LLM chooses: two LLM calls. The router only writes the call down for the second."""

    def __init__(self, router: Router, tools: Sequence[Function] = TOOLS) -> None:
        super().__init__(router, tools)
        names = Literal[tuple(self.tools)]
        self.plan = dspy.Predict(Plan.with_updated_fields("tool", names))

    def choose(self, request: str) -> str:
        tools = {name: tool.__doc__ for name, tool in self.tools.items()}
        return self.plan(request=request, tools=tools).tool


class Meter(BaseCallback):
    """Counts LLM calls."""

    calls = 0
    tokens = 0

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.calls += 1


@contextmanager
def metered() -> Iterator[Meter]:
    """Counts what is asked of LLMs within a `with`; the tokens are known after it."""
    meter = Meter()
    callbacks = [*dspy.settings.callbacks, meter]
    with dspy.context(callbacks=callbacks), dspy.track_usage() as usage:
        yield meter
    for calls in usage.usage_data.values():
        meter.tokens += sum(call.get("total_tokens") or 0 for call in calls)
