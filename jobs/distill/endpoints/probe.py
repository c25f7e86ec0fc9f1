"""The test of an endpoint: what models it has, how much it reads, whether it gives log-probabilities, how fast it is."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..asking.ledger import Ledger
from ..asking.request import Reply, Request
from ..errors import DistillError
from ..events import Events
from ..recipe.endpoint import Budget, Endpoint
from .asker import EndpointAsker
from .caller import Caller
from .patience import Patience
from .problems import EndpointFailed, Problem, one_line
from .style import count_in, same_model
from .wire import Wire

LISTED = 500  # models that are shown
MANY = (20, 5, 1)  # log-probabilities a token that are tried
HURRIED = Patience(first_byte=60, total=120, tries=2, bad=1, busy=2, told=20)
CONTEXTS = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "max_input_tokens",
    "inputTokenLimit",
)


@dataclass
class Facts:
    """What a test found. `seconds`: a question of one word; `tokens_per_second`: of one longer answer, alone."""

    model: str = ""  # as it calls itself
    models: list[str] = field(default_factory=list)
    listed: bool | None = None  # None: it gives no list
    context: int | None = None
    logprobs: int = 0  # alternatives a token
    seconds: float = 0.0
    tokens_per_second: float | None = None
    price: float = 0.0  # of this test
    currency: str = ""
    notes: list[str] = field(default_factory=list)


def test_endpoint(endpoint: Endpoint, **options: Any) -> Facts:
    """Asks two short questions, one more for each number of log-probabilities tried. Raises AddressRefused, EndpointFailed
    (key refused, model unknown ...), Transient. `options`: of EndpointAsker."""
    plain = endpoint.model_copy(update={"budget": Budget(), "requests_per_minute": None, "tokens_per_minute": None})
    asker = EndpointAsker("endpoint", plain, Ledger([]), patience=options.pop("patience", HURRIED), **options)
    return asyncio.run(_test(asker, plain))


async def _test(asker: EndpointAsker, endpoint: Endpoint) -> Facts:
    facts, caller, wire = Facts(currency=endpoint.currency), asker.caller(), Wire(asker.line(), asker.patience)
    try:
        await _list_models(caller, wire, endpoint, facts)
        first = await _answer(caller, wire, Request(_says("Answer with the word: ready"), 16), facts)
        facts.model, facts.seconds = first.model, round(first.seconds, 3)
        if first.outcome == "failed":
            raise EndpointFailed(f"The endpoint gives no usable answer: {first.why}", field="endpoint")
        longer = await _answer(caller, wire, Request(_says("Count from 1 to 40 in words."), 96), facts)
        if longer.tokens_out > 8:
            facts.tokens_per_second = round(longer.tokens_out / max(longer.seconds, 1e-3), 1)
        if endpoint.style != "anthropic":
            await _log_probabilities(caller, wire, facts)
        _advise(endpoint, facts)
    finally:
        await wire.close()
    return facts


def _says(text: str) -> tuple[dict[str, str], ...]:
    return ({"role": "user", "content": text},)


async def _sleep(seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return True


async def _answer(caller: Caller, wire: Wire, request: Request, facts: Facts) -> Reply:
    reply = await caller.ask(wire, request, _sleep)
    assert reply is not None  # nobody asks this one to stop
    facts.price += reply.price
    return reply


async def _list_models(caller: Caller, wire: Wire, endpoint: Endpoint, facts: Facts) -> None:
    try:
        found = await caller.get(wire, caller.style.base + "/models")
        models = [m for m in found["data"] if isinstance(m.get("id"), str)]
    except EndpointFailed as e:
        if e.code in ("KEY_REFUSED", "REDIRECT"):
            raise
        facts.notes.append("The endpoint gives no list of its models.")
        return
    except (Problem, TypeError, KeyError, AttributeError):
        facts.notes.append("The endpoint gives no list of its models.")
        return
    facts.models = sorted(one_line(m["id"]) for m in models)[:LISTED]
    mine = next((m for m in models if m["id"] == endpoint.model), None)
    mine = mine or next((m for m in models if same_model(endpoint.model, m["id"])), None)
    facts.listed = mine is not None
    if mine is None:
        facts.notes.append(f"{endpoint.model} is not in its list of {len(models):,} models.")
        return
    facts.context = next((n for name in CONTEXTS if (n := count_in(mine, name))), None)


async def _log_probabilities(caller: Caller, wire: Wire, facts: Facts) -> None:
    for wanted in MANY:
        try:
            request = Request(_says("Answer with the word: ready"), 4, logprobs=wanted)
            reply = await _answer(caller, wire, replace(request, seed=wanted), facts)
        except DistillError:
            continue
        if reply.logprobs:
            facts.logprobs = min(wanted, max(map(len, reply.logprobs)))
            return


def _advise(endpoint: Endpoint, facts: Facts) -> None:
    if facts.context and endpoint.context and endpoint.context > facts.context:
        facts.notes.append(f"It reads {facts.context:,} tokens; {endpoint.context:,} are set.")
    if endpoint.logprobs > facts.logprobs:
        facts.notes.append(f"It gave {facts.logprobs} log-probabilities a token; {endpoint.logprobs} are set.")
    if not (endpoint.price_in or endpoint.price_out):
        facts.notes.append("No price is set, so runs show tokens and no cost.")


def run_test(folder: Path, events: Events) -> dict[str, Any]:
    """The verb: params.json {key, endpoint} -> report.json, the facts and how long it took."""
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    began = time.monotonic()
    facts = test_endpoint(Endpoint.model_validate(params["endpoint"]), say=events.log)
    report = {**vars(facts), "key": params.get("key"), "took": round(time.monotonic() - began, 3)}
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    events.emit("report", report=report)
    return report
