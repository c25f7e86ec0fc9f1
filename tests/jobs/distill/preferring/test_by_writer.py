"""Pairs by who wrote the answers."""

from __future__ import annotations

from jobs.distill.preferring.base import Group
from jobs.distill.preferring.by_writer import DominantLanguage, ShortOverLong, TeacherOverStudent
from tests.jobs.distill.bench import Bench, row


def group(*rows: object, gold: str | None = None) -> Group:
    return Group(rows[0].messages, rows, gold)  # type: ignore[attr-defined, arg-type]


def test_the_teacher_wins_and_the_student_is_asked_where_it_wrote_nothing() -> None:
    both = group(row("a", "q1", "good", by="teacher"), row("b", "q1", "bad", by="student"))
    alone = group(row("c", "q2", "good", by="teacher"))
    same = group(row("d", "q3", "good", by="teacher"), row("e", "q3", " good ", by="student"))
    bench = Bench(lambda who, r: "said now")
    found = TeacherOverStudent().prefer([both, alone, same], TeacherOverStudent.Options(), bench)
    assert [[p.ranked for p in f] for f in found] == [[("good", "bad")], [("good", "said now")], [()]]
    assert found[0][0].sources == ("teacher", "student") and found[2][0].why == "teacher and student say the same"
    assert [(who, r.messages[0]["content"]) for who, r in bench.asked] == [("student", "q2")]


def test_every_pair_where_asked_for() -> None:
    rows = [row(f"t{k}", "q", f"good {k}", by="a") for k in range(2)] + [row(f"s{k}", "q", f"bad {k}", by="b") for k in range(2)]  # fmt: skip
    options = TeacherOverStudent.Options(better="a", worse="b", each=True)
    (found,) = TeacherOverStudent().prefer([group(*rows)], options, Bench())
    assert len({p.ranked for p in found}) == 4 and {p.sources for p in found} == {("a", "b")}


def test_short_context_wins_with_both_named() -> None:
    rows = [row("l", "long text and question", "lost", by="student", context="long"), row("s", "long text and question", "found", by="student", context="short")]  # fmt: skip
    (found,) = ShortOverLong().prefer([group(*rows)], ShortOverLong.Options(), Bench())
    assert found[0].ranked == ("found", "lost") and found[0].fields["contexts"] == ["short", "long"]
    (none,) = ShortOverLong().prefer([group(rows[0])], ShortOverLong.Options(), Bench())
    assert none[0].why == "there is no answer from the short context"


def test_the_dominant_language_teaches_the_weak_one_and_learns_from_being_better() -> None:
    english = group(row("e", "How?", "So.", by="student", domain="English", group="p1"))
    german = group(row("g", "Wie?", "Naja", by="student", domain="German", group="p1"))
    lonely = group(row("x", "Que?", "Bof", by="student", domain="French", group="p2"))
    untagged = group(row("u", "?", "!", by="student"))
    bench = Bench(lambda who, r: "[" + r.messages[0]["content"].split("into ")[1].split(".")[0] + "] " + r.messages[0]["content"].split("\n\n")[1])  # fmt: skip
    found = DominantLanguage().prefer([english, german, lonely, untagged], DominantLanguage.Options(), bench)
    (weak,), (strong,) = found[1], found[0]
    assert weak.ranked == ("[German] So.", "Naja") and weak.sources == ("translated", "student")
    assert strong.ranked == ("So.", "[English] Naja")
    assert weak.fields["prompt_id"] == strong.fields["prompt_id"] == "p1" and weak.fields["language"] == "German"
    assert "no answer in English" in found[2][0].why and "no prompt id" in found[3][0].why
    once = DominantLanguage().prefer([english, german], DominantLanguage.Options(both=False), bench)
    assert not once[0][0].ranked and once[1][0].ranked
