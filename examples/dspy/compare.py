"""Answers a request by both pipelines: `python compare.py "will it rain tomorrow?"`."""

import argparse

import dspy

from pipelines import PlannedPipeline, RoutedPipeline
from router import Router


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("request", help="what a user would write")
    parser.add_argument(
        "--model", default="openai/gpt-4o-mini", help="as dspy.LM names it"
    )
    parser.add_argument(
        "--api-base", metavar="URL", help="of another OpenAI-compatible endpoint"
    )
    args = parser.parse_args()
    endpoint = {"api_base": args.api_base} if args.api_base else {}
    dspy.configure(lm=dspy.LM(args.model, cache=False, **endpoint))
    with Router() as router:
        for pipeline in (RoutedPipeline(router), PlannedPipeline(router)):
            made = pipeline(request=args.request)
            print(
                f"{type(pipeline).__name__}: {made.tool}, {made.llm_calls} LLM calls, "
                f"{made.tokens} tokens\n  {made.answer}"
            )


if __name__ == "__main__":
    main()
