"""What an answer is worth: only a whole, willing, well-formed one may become training data."""

from __future__ import annotations

import re

from ..asking.request import Reply, Request
from ..asking.schema import problem
from ..recipe.endpoint import Endpoint
from .problems import Bad, one_line
from .purse import Purse, longest_prompt
from .style import Said, same_model

NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of surrogate pairs
ENDED = ("stop", "end_turn", "stop_sequence", "eos", "eos_token", "tool_use", "tool_calls")
CUT = ("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded")
FILTERED = ("content_filter", "refusal", "safety", "recitation")


def judged(said: Said, request: Request, endpoint: Endpoint, purse: Purse, seconds: float) -> Reply:
    """The reply. Raises Bad for an answer that is not to this question."""
    if not same_model(endpoint.answers_as or endpoint.model, said.model):
        raise Bad(
            f"{said.model[:100]!r} answered, {endpoint.model!r} was asked. If they are the same, set answers_as to that name."
        )
    if request.logprobs and said.text and not said.logprobs:
        raise Bad(f"{request.logprobs} log-probabilities a token were asked for; none came.")
    if said.logprobs and (most := max(map(len, said.logprobs))) > request.logprobs + 1:
        raise Bad(f"{request.logprobs} log-probabilities a token were asked for; {most} came.")
    outcome, why = outcome_of(said, request)
    tokens_in = longest_prompt(request) if said.tokens_in is None else said.tokens_in
    tokens_out = said.tokens_out
    if tokens_out is None:
        tokens_out = len(said.logprobs) or min(len(said.text.encode("utf-8", "replace")), request.max_new_tokens)
    return Reply(
        request.sha256,
        said.text,
        outcome,
        said.finish,
        tokens_in,
        tokens_out,
        purse.price(tokens_in, tokens_out),
        round(seconds, 4),
        one_line(said.model) or endpoint.model,
        why,
        said.logprobs,
    )


def outcome_of(said: Said, request: Request) -> tuple[str, str]:
    """(outcome, why). Raises Bad for an answer that does not say how it ended."""
    finish = said.finish.lower()
    if said.refusal or finish in FILTERED:
        return "refused", said.refusal or f"the endpoint ended it with {said.finish!r}"
    if finish in CUT:
        return "truncated", f"cut off after {request.max_new_tokens:,} tokens"
    if not finish:
        raise Bad("it does not say why it ends (finish_reason).")
    if finish not in ENDED:
        raise Bad(f"it ended with {said.finish[:60]!r}.")
    if not said.text.strip():
        return "empty", "the teacher ended without a word"
    if finish == "tool_calls":
        return "invalid", "the teacher called a tool instead of answering"
    if NO_TEXT.search(said.text):
        return "invalid", "it holds characters that no text has"
    if request.schema is not None and (wrong := problem(request.schema, said.text)):
        return "invalid", wrong
    return "ok", ""
