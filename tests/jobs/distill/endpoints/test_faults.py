"""Every misbehaviour of an endpoint has its outcome and its sentence, and never becomes a text in the data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.endpoints import probe
from jobs.distill.endpoints.problems import Bad
from jobs.distill.endpoints.stream import Events
from jobs.distill.errors import DistillError, Transient

from .fake_teacher import FakeTeacher, fake_teacher
from .plain import QUICK, ask, asker, question
from .teacher_faults import STATUSES

KEY = "sk-secret-123"

# mode -> what is said of the item. Each of these is tried again.
BAD = {
    "html": "it is a page of HTML, not JSON; the address may be that of a web page.",
    "not-json": "it is not JSON",
    "no-bytes": "it is empty.",
    "list": "it is a JSON list, not an object.",
    "too-short": "it is not JSON",
    "bomb": "packed its answer (gzip), which nobody asked for.",
    "huge": "answer is longer than 32 MiB, the most that is taken.",
    "headers": "does not speak HTTP as agreed",
    "noise": "does not speak HTTP as agreed",
    "no-finish": "it does not say why it ends (finish_reason).",
    "abort": "it ended with 'abort'.",
    "no-choices": "it holds no choices.",
    "two-choices": "it holds 2 choices where 1 was asked for.",
    "wrong-model": "'somebody-elses-model' answered, 'teacher-1' was asked.",
    "wrong-role": "its message is from 'user', not from the assistant.",
    "list-text": "its text is a list, not a text.",
    "nan": "it is not JSON (NaN is no number of JSON).",
}
BROKEN = {
    "nothing": "the connection to 127.0.0.1 closed before an answer",
    "half": "the connection to 127.0.0.1 closed in the middle of an answer",
    "reset": "the connection to 127.0.0.1",
    "hang": "127.0.0.1 took too long: nothing came within 0.8 s",
    "stall": "127.0.0.1 took too long: nothing came within 0.4 s",
    "drip": "127.0.0.1 took too long: the answer was not complete within 1.2 s",
    "interim": "127.0.0.1 took too long: the answer was not complete within 1.2 s",
    "500": "127.0.0.1 answered 500: the provider's words for 500",
    "503": "127.0.0.1 answered 503",
    "408": "127.0.0.1 answered 408",
    "409": "127.0.0.1 answered 409",
    "html500": "127.0.0.1 answered 502: an HTML page called 'Bad gateway'",
    "error200": "",
}
STREAMED = {
    "sse-half": "the connection to 127.0.0.1 closed in the middle of an answer",
    "sse-stall": "127.0.0.1 took too long: nothing came within 0.4 s",
    "sse-no-done": "the stream broke off after 22 characters; it lacks its end.",
    "sse-no-finish": "it lacks a reason why it ends",
    "sse-error": "the endpoint answered 200 with an error inside: the GPU fell over",
    "sse-mixed": "parts of two answers are mixed.",
    "sse-more": "the stream goes on after its end.",
    "sse-html": "it is a page of HTML, not JSON",
    "html": "it is a page of HTML, not JSON",
}
LOGPROBS = {
    "mass": "its probabilities of token 1 add up to 1.810, which is more than 1.",
    "positive": "its log-probability of token 1 is 0.5, which none can be.",
    "long-logprob": "its log-probability of token 1 is -100000000000000000000000000000000000000, which none can be.",
    "no-logprobs": "2 log-probabilities a token were asked for; none came.",
    "odd-logprobs": "its log-probabilities do not have the usual form.",
}
FINAL = {  # mode -> outcome, why; paid, kept and not asked again
    "length": ("truncated", "cut off after 32 tokens"),
    "filtered": ("refused", "the endpoint ended it with 'content_filter'"),
    "refusal": ("refused", "I cannot help with that."),
    "filter400": ("refused", "the endpoint's filter refused it: The prompt was filtered."),
    "long400": ("refused", "it is too long for the endpoint: maximum context length is 4096 tokens"),
    "empty": ("empty", "the teacher ended without a word"),
    "surrogate": ("invalid", "it holds characters that no text has"),
}
IMPATIENT = QUICK.__class__(
    connect=1, first_byte=0.8, idle=0.4, total=1.2, base=0.001, longest=0.002, tries=2, bad=2, busy=3
)


def check_flagged(folder: Path, mode: str, sentence: str, **spec: Any) -> None:
    """One bad item among good ones: tried again, flagged, nothing of it kept; its neighbours are answered."""

    def plan(n: int, body: dict[str, Any]) -> str:
        return mode if "question bad" in str(body) else "ok"

    more = {"logprobs": spec["logprobs"]} if "logprobs" in spec else {}
    with fake_teacher(plan) as teacher:
        who = asker(teacher, folder, IMPATIENT, **spec)
        before, bad, after = ask(who, question(1, **more), question("bad", **more), question(2, **more))
        assert (before.text, after.text) == ("answer to question 1", "answer to question 2")
        assert (bad.outcome, bad.text, bad.ok) == ("failed", "", False)
        assert sentence in bad.why and bad.why.endswith("(2 tries)"), bad.why
        assert teacher.counts["question bad"] >= 2
        (again,) = ask(asker(teacher, folder, IMPATIENT, **spec), question("bad", **more))
        assert again.outcome == "failed" and teacher.counts["question 1"] == 1
    kept = b"".join(p.read_bytes() for p in folder.rglob("*.jsonl"))
    assert b"question bad" not in kept, "what never arrived is not kept as an answer"


@pytest.mark.parametrize("mode", BAD)
def test_an_answer_of_the_wrong_kind_is_tried_again_and_flagged(tmp_path: Path, mode: str) -> None:
    check_flagged(tmp_path, mode, f"TEACHER_BAD_RESPONSE: {BAD[mode]}" if BAD[mode][0] == "i" else BAD[mode])


@pytest.mark.parametrize("mode", sorted(set(BROKEN) - {"error200"}))
def test_a_broken_connection_is_tried_again_and_flagged(tmp_path: Path, mode: str) -> None:
    check_flagged(tmp_path, mode, BROKEN[mode])


@pytest.mark.parametrize("mode", STREAMED)
def test_a_stream_that_does_not_end_well_leaves_no_text(tmp_path: Path, mode: str) -> None:
    check_flagged(tmp_path, mode, STREAMED[mode], stream=True)


def test_a_stream_without_done_is_whole_when_its_body_says_so(tmp_path: Path) -> None:
    with fake_teacher("sse-framed") as teacher:
        (reply,) = ask(asker(teacher, tmp_path, IMPATIENT, stream=True), question(1))
        assert reply.ok and reply.text == "answer to question 1"


@pytest.mark.parametrize("mode", LOGPROBS)
def test_log_probabilities_that_cannot_be_are_not_taken(tmp_path: Path, mode: str) -> None:
    check_flagged(tmp_path, mode, LOGPROBS[mode], logprobs=2)


@pytest.mark.parametrize("mode", FINAL)
def test_what_is_paid_but_not_usable_is_marked_and_not_asked_again(tmp_path: Path, mode: str) -> None:
    with fake_teacher(mode) as teacher:
        (reply,) = ask(asker(teacher, tmp_path), question(1))
        assert (reply.outcome, reply.why) == FINAL[mode] and not reply.ok
        (again,) = ask(asker(teacher, tmp_path), question(1))
        assert (again.outcome, again.why, again.paid) == (*FINAL[mode], False) and len(teacher.calls) == 1


@pytest.mark.parametrize("mode", [*BAD, *BROKEN])
def test_an_item_recovers_when_the_fault_passes(tmp_path: Path, mode: str) -> None:
    with fake_teacher(lambda n, body: mode if n == 0 else "ok") as teacher:
        (reply,) = ask(asker(teacher, tmp_path, IMPATIENT), question(1))
        assert reply.ok and reply.text == "answer to question 1" and 2 <= len(teacher.calls) <= 3


def test_one_answer_for_two_questions_is_taken_once(tmp_path: Path) -> None:
    """Somebody between us and the model mixes answers up: the second one with the same id is not ours."""
    with fake_teacher("same-id") as teacher:
        one, other = ask(asker(teacher, tmp_path, IMPATIENT, concurrency=1), question(1), question(2))
        assert one.ok and other.outcome == "failed"
        assert "the same answer, by its id, was given to another question." in other.why


@pytest.mark.parametrize(
    "asked, answered, right",
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("org/Model-7B", "model-7b", True),
        ("llama3", "llama3:latest", True),
        ("claude-x-latest", "claude-x-20260101", True),
        ("gpt-4", "gpt-4o", False),
        ("model-a", "model-b", False),
    ],
)
def test_another_models_answer_is_not_taken(tmp_path: Path, asked: str, answered: str, right: bool) -> None:
    with fake_teacher(model=answered) as teacher:
        (reply,) = ask(asker(teacher, tmp_path, IMPATIENT, model=asked), question(1))
        assert reply.ok == right and (not right or reply.model == answered)
        (said,) = ask(asker(teacher, tmp_path / "b", IMPATIENT, model=asked, answers_as=answered), question(1))
        assert said.ok, "unless a person says that it is the same"


FATAL = {
    "401": ("KEY_REFUSED", "127.0.0.1 refuses the key (401): the provider's words for 401"),
    "403": ("KEY_REFUSED", "127.0.0.1 refuses the key (403): the provider's words for 403"),
    "404": ("MODEL_UNKNOWN", "127.0.0.1 does not know the model 'teacher-1' or has nothing at this address (404): the provider's"),
    "400": ("TEACHER_REFUSED", "127.0.0.1 refuses the request (400): the provider's words for 400"),
    "422": ("TEACHER_REFUSED", "127.0.0.1 refuses the request (422): the provider's words for 422"),
    "402": ("TEACHER_UNPAID", "127.0.0.1 asks for payment (402): the provider's words for 402"),
    "quota": ("TEACHER_UNPAID", "127.0.0.1 asks for payment (429): You exceeded your current quota."),
    "302": ("REDIRECT", "127.0.0.1 answers with a redirect (302) to http://127.0.0.1:1/elsewhere. Redirects are not followed."),
}  # fmt: skip


@pytest.mark.parametrize("mode", FATAL)
def test_a_refusal_of_all_stops_at_once_with_the_providers_words(tmp_path: Path, mode: str) -> None:
    with fake_teacher(lambda n, body: mode if n >= 3 else "ok") as teacher:
        who, got = asker(teacher, tmp_path, concurrency=1), []
        with pytest.raises(DistillError) as caught:
            for place, reply in who.ask(question(i) for i in range(1000)):
                got.append((place, reply.text))
        assert caught.value.code == FATAL[mode][0] and caught.value.message.startswith(FATAL[mode][1])
        assert caught.value.field and caught.value.hint and not caught.value.retry
        assert got == [(i, f"answer to question {i}") for i in range(3)] and len(teacher.calls) == 4


ECHO = f"Incorrect API key provided: {KEY}."
ECHOES: dict[str, tuple[int, Any]] = {  # where an endpoint may repeat the key that it was given
    "an error": (401, {"error": {"message": ECHO}}),
    "an error inside": (200, {"error": {"message": ECHO}}),
    "an error at the end of what is kept": (200, {"error": {"message": "x" * 290 + KEY}}),
    "a refusal": (200, {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": ECHO}}]}),
    "a reason to end": (200, {"choices": [{"finish_reason": KEY, "message": {"content": "a"}}]}),
    "the model's name": (200, {"model": KEY, "choices": [{"finish_reason": "stop", "message": {"content": "a"}}]}),
}


@pytest.mark.parametrize("mode", ECHOES)
def test_a_key_never_stands_in_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)
    monkeypatch.setitem(STATUSES, mode, ECHOES[mode])
    said: list[str] = []
    with fake_teacher(mode) as teacher:
        who = asker(teacher, tmp_path, IMPATIENT, key_env="MY_API_KEY", say=said.append)
        try:
            (reply,) = ask(who, question(1))
            said.append(reply.why)
        except DistillError as e:
            said.append(str(e.as_dict()))
        assert teacher.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert "sk-sec" not in str(said) and "(the key)" in str(said)
    assert b"sk-sec" not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_what_a_test_finds_can_be_kept(tmp_path: Path) -> None:
    """The name a model calls itself is text from outside: half a character in it would end the test of the endpoint."""
    with fake_teacher(model="teacher-1:\ud800\0x") as teacher:
        who = asker(teacher, tmp_path, IMPATIENT)
        facts = probe.test_endpoint(who.endpoint, allowed=who._allowed, patience=IMPATIENT)
    assert facts.model == "teacher-1: x" and facts.models == ["other", "teacher-1"] and facts.context == 4096


def test_a_stream_in_the_smallest_pieces_is_read_in_time() -> None:
    """Each byte a piece of its own: two hundred thousand of them are put together once, not two hundred thousand times."""
    got: list[tuple[str, str]] = []
    events, text = Events(lambda name, data: got.append((name, data))), "é" * 100_000
    began = time.process_time()
    for byte in f"event: a\r\ndata: {text}\r\n\r\ndata: b\n\n".encode():
        events.feed(bytes([byte]))
    assert got == [("a", text), ("", "b")] and time.process_time() - began < 2
    with pytest.raises(Bad, match="longer than 2,097,152 characters"):
        for _ in range(40):
            events.feed(b"x" * 65536)


@pytest.mark.parametrize(
    "value, code, sentence",
    [
        (None, "KEY_MISSING", "The environment variable MY_API_KEY, which should hold the endpoint's key, is empty."),
        ("two words", "KEY_INVALID", "What MY_API_KEY holds is no key"),
        ("line\nbreak", "KEY_INVALID", "What MY_API_KEY holds is no key"),
        ("schlüssel", "KEY_INVALID", "What MY_API_KEY holds is no key"),
    ],
)
def test_a_key_that_is_none_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, code: str, sentence: str
) -> None:
    monkeypatch.delenv("MY_API_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_API_KEY", value)
    with fake_teacher() as teacher:
        with pytest.raises(DistillError, match=sentence) as caught:
            ask(asker(teacher, tmp_path, key_env="MY_API_KEY"), question(1))
        assert caught.value.code == code and not teacher.calls


def test_twenty_failures_in_a_row_are_an_endpoint_that_is_down(tmp_path: Path) -> None:
    with fake_teacher("503") as teacher:
        with pytest.raises(Transient, match="failed 20 times in a row: 127.0.0.1 answered 503") as caught:
            list(asker(teacher, tmp_path, concurrency=1).ask(question(i) for i in range(100)))
        assert caught.value.code == "TEACHER_DOWN" and caught.value.retry and len(teacher.calls) == 20


def test_one_hiccup_of_many_connections_is_one_failure(tmp_path: Path) -> None:
    """Sixty-four questions under way break at once: the endpoint is not down."""
    with fake_teacher(lambda n, body: "503" if n < 64 else "ok", latency=0.05) as teacher:
        replies = ask(asker(teacher, tmp_path, concurrency=64), *map(question, range(80)))
        assert all(r.ok for r in replies) and len(teacher.calls) == 144


def test_nobody_there_is_a_teacher_that_is_down(tmp_path: Path) -> None:
    teacher = FakeTeacher()
    teacher.port = 9  # discard: nothing listens
    began = time.monotonic()
    with pytest.raises(Transient, match="127.0.0.1:9 cannot be reached: Connection refused") as caught:
        list(asker(teacher, tmp_path, concurrency=1).ask(question(i) for i in range(100)))
    assert caught.value.code == "TEACHER_DOWN" and time.monotonic() - began < 5
