"""What is sent and read in each style, what is asked again, how asking ends."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.asking import Reply, Request
from jobs.distill.recipe.endpoint import Endpoint

from .fake_teacher import fake_teacher
from .plain import ask, asker, question

STYLES = ("openai-chat", "openai-completions", "anthropic")
TALK = Request(
    ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}), 32, 0.7, 0.9, 3, 5, ("\n\n", "END")
)  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_each_style_is_asked_and_read(tmp_path: Path, style: str, stream: bool) -> None:
    with fake_teacher(answer=lambda q, body: "Grüß dich, 世界 🙂!") as teacher:
        (reply,) = ask(asker(teacher, tmp_path, style=style, stream=stream), TALK)
        assert reply.text == "Grüß dich, 世界 🙂!" and reply.ok and reply.model == "teacher-1"
        assert reply.tokens_in > 0 and reply.tokens_out > 0 and reply.seconds > 0
        (call,) = teacher.calls
        assert bool(call.body.get("stream")) == stream and call.body["model"] == "teacher-1"
        assert call.body["temperature"] == 0.7 and call.body["top_p"] == 0.9 and call.body["max_tokens"] == 32


def test_the_chat_style_sends_the_talk_the_stops_and_a_seed_of_its_own(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        who = asker(teacher, tmp_path, extra={"top_k": 40, "top_p": None}, length_field="max_completion_tokens")
        ask(who, TALK, question(1, number=0), question(1, number=1))
        body = teacher.calls[0].body
        assert body["messages"] == [dict(m) for m in TALK.messages] and body["stop"] == ["\n\n", "END"]
        assert body["max_completion_tokens"] == 32 and "max_tokens" not in body
        assert body["top_k"] == 40 and "top_p" not in body and body["n"] == 1
        assert len({c.body["seed"] for c in teacher.calls}) == 3, "each candidate has another seed"
        ask(asker(teacher, tmp_path / "b", seeds=False), question(1))
        assert "seed" not in teacher.calls[-1].body


def test_the_anthropic_style_says_its_system_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "k-1")
    with fake_teacher() as teacher:
        ask(asker(teacher, tmp_path, style="anthropic", key_env="MY_API_KEY"), TALK)
        (call,) = teacher.calls
        assert call.path == "/v1/messages" and call.body["system"] == "Be brief."
        assert call.body["messages"] == [{"role": "user", "content": "Hello?"}] and call.body["stop_sequences"] == [
            "\n\n",
            "END",
        ]
        assert (
            call.headers["x-api-key"] == "k-1"
            and call.headers["anthropic-version"]
            and "authorization" not in call.headers
        )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("style", ["openai-chat", "openai-completions"])
def test_log_probabilities_come_as_nats_for_each_token(tmp_path: Path, style: str, stream: bool) -> None:
    with fake_teacher() as teacher:
        (reply,) = ask(asker(teacher, tmp_path, style=style, stream=stream, logprobs=20), question(1, logprobs=20))
        assert len(reply.logprobs) == 4 and all(len(place) == 20 for place in reply.logprobs)
        assert reply.logprobs[0]["answer"] == pytest.approx(math.log(0.6))
        (again,) = ask(asker(teacher, tmp_path, style=style, stream=stream, logprobs=20), question(1, logprobs=20))
        assert again.logprobs == reply.logprobs and len(teacher.calls) == 1


SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "style, text, outcome",
    [
        ("openai-chat", '{"sum": 4}', "ok"),
        ("anthropic", '{"sum": 4}', "ok"),
        ("openai-chat", '{"sum": "four"}', "invalid"),
        ("openai-chat", "The sum is 4.", "invalid"),
        ("anthropic", '{"total": 4}', "invalid"),
    ],
)
def test_an_answer_by_schema_is_checked(tmp_path: Path, style: str, text: str, outcome: str) -> None:
    with fake_teacher(answer=lambda q, body: text) as teacher:
        (reply,) = ask(asker(teacher, tmp_path, style=style), question(1, schema=SCHEMA))
        assert reply.outcome == outcome and bool(reply.why) == (outcome != "ok")
        assert json.loads(reply.text) == json.loads(text) if text.startswith("{") else reply.text == text
        body = teacher.calls[0].body
        sent = (
            body["tools"][0]["input_schema"]
            if style == "anthropic"
            else body["response_format"]["json_schema"]["schema"]
        )
        assert sent == SCHEMA


def test_an_endpoint_that_counts_nothing_is_counted_at_the_most(tmp_path: Path) -> None:
    with fake_teacher("no-usage") as teacher:
        (reply,) = ask(asker(teacher, tmp_path), question(1))
        assert reply.ok and reply.tokens_in >= len("question 1") and reply.tokens_out == len("answer to question 1")


def test_equal_questions_are_asked_once_and_answered_each(tmp_path: Path) -> None:
    with fake_teacher(latency=0.02) as teacher:
        who = asker(teacher, tmp_path)
        replies = ask(who, *[question(i % 3) for i in range(30)])
        assert len(teacher.calls) == 3 and sum(r.paid for r in replies) == 3
        assert [r.text for r in replies] == [f"answer to question {i % 3}" for i in range(30)]


def test_questions_are_read_as_they_can_be_asked_never_all_at_once(tmp_path: Path) -> None:
    read = [0]

    def many() -> Iterator[Request]:
        for i in range(10**9):
            read[0] += 1
            yield question(i)

    with fake_teacher() as teacher:
        for count, _ in enumerate(asker(teacher, tmp_path, concurrency=4).ask(many())):
            if count == 50:
                break
        assert read[0] <= 50 + 2 * 8 and len(teacher.calls) <= read[0]
        kept = len(asker(teacher, tmp_path)._ledger.answers(asker(teacher, tmp_path).key))
        assert kept == len(teacher.calls), "what was under way when nobody listened any more is kept"


def test_it_stops_when_asked_with_what_was_under_way_kept(tmp_path: Path) -> None:
    with fake_teacher(latency=0.1) as teacher:
        who, got = asker(teacher, tmp_path), []
        for place, _ in who.ask(map(question, range(1000)), stopping=lambda: len(got) >= 6):
            got.append(place)
        assert len(got) == len(teacher.calls) <= 6 + 8
        assert len(ask(asker(teacher, tmp_path), *map(question, got))) == len(got) == len(teacher.calls)


def test_a_stop_does_not_wait_for_a_pause_to_end(tmp_path: Path) -> None:
    with fake_teacher("429", retry_after="60") as teacher:
        began = time.monotonic()
        got = list(asker(teacher, tmp_path).ask([question(1)], stopping=lambda: time.monotonic() - began > 0.2))
        assert got == [] and time.monotonic() - began < 2


def test_progress_tells_how_many_were_answered(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        told: list[int] = []
        list(asker(teacher, tmp_path).ask(map(question, range(5)), lambda done, of: told.append(done)))
        list(asker(teacher, tmp_path).ask(map(question, range(7)), lambda done, of: told.append(done)))
        assert told == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7]


def test_two_runs_at_once_never_pay_twice(tmp_path: Path) -> None:
    with fake_teacher(latency=0.05) as teacher:
        found: dict[int, dict[int, Reply]] = {}

        def run(number: int) -> None:
            found[number] = dict(asker(teacher, tmp_path).ask(map(question, range(60))))

        threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(teacher.calls) == 60 and set(teacher.counts.values()) == {1}
        assert len({tuple(r.text for _, r in sorted(f.items())) for f in found.values()}) == 1
        assert sum(r.paid for f in found.values() for r in f.values()) == 60


def test_an_asker_is_named_by_address_style_model_and_what_is_sent() -> None:
    def key(**more: Any) -> str:
        return Endpoint.model_validate({"url": "http://h/v1", "model": "m", **more}).key

    assert key() == key(url="http://h/v1/") == key(concurrency=64, price_in=1.0, budget={"max_tokens": 9})
    assert len({key(), key(model="n"), key(style="anthropic"), key(url="http://i/v1"), key(extra={"top_k": 1})}) == 5
