"""The ledger: nothing asked twice, nothing lost by a kill, torn lines dropped with a word, flat memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jobs.distill.asking.ledger import ENVIRONMENT, Ledger, places
from jobs.distill.asking.request import Reply, Request
from jobs.distill.asking.segment import records

KEY = "a" * 64


def question(i: int, **more: object) -> Request:
    return Request(({"role": "user", "content": f"What is {i} + {i}?"},), 16, **more)  # type: ignore[arg-type]


def answer(request: Request, text: str = "four", **more: object) -> Reply:
    return Reply(request.sha256, text, tokens_in=7, tokens_out=1, price=0.5, model="m-1", **more)  # type: ignore[arg-type]


def test_it_gives_back_what_was_put_and_says_that_it_is_not_paid_again(tmp_path: Path) -> None:
    ledger, asked = Ledger([tmp_path]), question(1, stop=("\n",), logprobs=2)
    given = answer(asked, "zwei äöü \ud800 \x00", finish="stop", logprobs=({"four": -0.1, "five": -2.4},))
    assert ledger.get(KEY, asked.sha256) is None
    ledger.put(KEY, asked, given)
    for place in (ledger, Ledger([tmp_path])):
        found = place.get(KEY, asked.sha256)
        assert found and found.paid is False and found.logprobs == given.logprobs
        assert (found.text, found.finish, found.price, found.model) == (given.text, "stop", 0.5, "m-1")
        assert place.get("b" * 64, asked.sha256) is None, "another asker's answer is not ours"


def test_it_keeps_the_question_with_the_answer(tmp_path: Path) -> None:
    ledger, asked = Ledger([tmp_path]), question(3)
    ledger.put(KEY, asked, answer(asked))
    (kept,) = [r for p in (tmp_path / KEY).glob("*.jsonl") for r in records(p)]
    assert kept["request"] == asked.sha256 and kept["asked"]["messages"][0]["content"] == "What is 3 + 3?"
    assert kept["asked"]["max_new_tokens"] == 16 and kept["reply"]["outcome"] == "ok" and kept["at"] > 1.7e9
    line = next((tmp_path / KEY).glob("*.jsonl")).read_text()
    assert json.loads(line)["check"], "each line is plain JSON"


@pytest.mark.parametrize(
    "outcome, kept", [("truncated", 1), ("refused", 1), ("empty", 1), ("invalid", 1), ("failed", 0)]
)
def test_it_keeps_what_was_paid_and_asks_again_what_never_arrived(tmp_path: Path, outcome: str, kept: int) -> None:
    ledger, asked = Ledger([tmp_path]), question(1)
    ledger.put(KEY, asked, answer(asked, "", outcome=outcome, why="because"))
    found = Ledger([tmp_path]).get(KEY, asked.sha256)
    assert (found is not None) == bool(kept) and (found is None or (found.outcome, found.why) == (outcome, "because"))


def test_it_sees_what_another_process_writes_meanwhile(tmp_path: Path) -> None:
    mine, theirs, asked = Ledger([tmp_path]), Ledger([tmp_path]), question(5)
    assert mine.get(KEY, asked.sha256) is None
    theirs.put(KEY, asked, answer(asked))
    assert mine.get(KEY, asked.sha256) is not None
    theirs.put(KEY, question(6), answer(question(6)))
    assert mine.get(KEY, question(6).sha256) is not None, "the same segment, further on"


def test_it_reads_many_places_and_writes_to_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    Ledger([second]).put(KEY, question(1), answer(question(1)))
    before = {p.name: p.read_bytes() for p in second.rglob("*.jsonl")}
    monkeypatch.setenv(ENVIRONMENT, os.pathsep.join([str(first), str(second)]))
    ledger = Ledger(places(tmp_path))
    assert ledger.get(KEY, question(1).sha256) is not None
    ledger.put(KEY, question(2), answer(question(2)))
    assert len(list(first.rglob("*.jsonl"))) == 1
    assert {p.name: p.read_bytes() for p in second.rglob("*.jsonl")} == before
    monkeypatch.delenv(ENVIRONMENT)
    assert places(tmp_path) == [tmp_path / "answers"]


def test_it_drops_a_torn_or_changed_line_with_a_word_and_keeps_the_rest(tmp_path: Path) -> None:
    ledger = Ledger([tmp_path])
    for i in range(3):
        ledger.put(KEY, question(i), answer(question(i)))
    ledger.close()
    (segment,) = (tmp_path / KEY).glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0] + lines[1].replace(b"four", b"five") + lines[2][:-9])
    said: list[str] = []
    again = Ledger([tmp_path], said.append)
    assert [again.get(KEY, question(i).sha256) is not None for i in range(3)] == [True, False, False]
    assert said == [f"The ledger's segment {segment.name} has 2 lines that were not written to the end; dropped."]


def test_it_waits_for_the_end_of_a_line_that_is_being_written(tmp_path: Path) -> None:
    writer, reader, said = Ledger([tmp_path]), None, list[str]()
    writer.put(KEY, question(1), answer(question(1)))
    (segment,) = (tmp_path / KEY).glob("*.jsonl")
    whole = segment.read_bytes()
    writer.put(KEY, question(2), answer(question(2)))
    both = segment.read_bytes()
    os.truncate(segment, len(whole) + 20)
    reader = Ledger([tmp_path], said.append)
    assert reader.get(KEY, question(2).sha256) is None and not said
    with segment.open("ab") as file:
        file.write(both[len(whole) + 20 :])
    assert reader.get(KEY, question(2).sha256) is not None and not said


def test_a_kill_loses_nothing_that_was_written_and_frees_the_claims(tmp_path: Path) -> None:
    """kill -9 between the write and the flush: the page cache is the kernel's, not the process's."""
    code = f"""
import sys, time
from pathlib import Path
from jobs.distill.asking.ledger import Ledger
from tests.jobs.distill.asking.test_ledger import KEY, answer, question
answers = Ledger([Path({str(tmp_path)!r})]).answers(KEY)
for i in range(50):
    answers.write(question(i), answer(question(i)))
assert answers.claims.take(question(99).sha256)
print("ready", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout and child.stdout.readline() == "ready\n"
    mine = Ledger([tmp_path]).answers(KEY)
    assert len(mine) == 50 and not mine.claims.take(question(99).sha256)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert mine.claims.take(question(99).sha256)
    assert len(Ledger([tmp_path]).answers(KEY)) == 50


def test_a_claim_is_one_askers_and_comes_back(tmp_path: Path) -> None:
    one, other = Ledger([tmp_path]).answers(KEY).claims, Ledger([tmp_path]).answers(KEY).claims
    assert one.take(question(1).sha256) and not one.take(question(1).sha256) and not other.take(question(1).sha256)
    assert other.take(question(2).sha256), "another question is free"
    one.give(question(1).sha256)
    assert other.take(question(1).sha256)
    other.close()
    assert one.take(question(1).sha256) and one.take(question(2).sha256)


def test_threads_that_wait_together_share_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes, real, gate = [0], os.fdatasync, threading.Event()

    def slow(descriptor: int) -> None:
        flushes[0] += 1
        gate.wait(5)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    ledger = Ledger([tmp_path])
    threads = [threading.Thread(target=ledger.put, args=(KEY, question(i), answer(question(i)))) for i in range(32)]
    for thread in threads:
        thread.start()
    while len(ledger.answers(KEY)) < 32:
        pass
    gate.set()
    for thread in threads:
        thread.join()
    assert flushes[0] == 2, "one for the first, one for all who came while it was under way"


@pytest.mark.slow
def test_memory_stays_flat_over_many_replies(tmp_path: Path) -> None:
    code = f"""
import resource
from pathlib import Path
from jobs.distill.asking.ledger import Ledger
from tests.jobs.distill.asking.test_ledger import KEY, answer, question
answers = Ledger([Path({str(tmp_path)!r})]).answers(KEY)
text = "word " * 200
for i in range(50_000):
    answers.write(question(i), answer(question(i), text))
    if i == 5_000:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answers.sync(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, "KiB")
again = Ledger([Path({str(tmp_path)!r})]).answers(KEY)
assert len(again) == 50_000 and again.get(question(49_999).sha256).text == text
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) < 5 * 1024, done.stdout
