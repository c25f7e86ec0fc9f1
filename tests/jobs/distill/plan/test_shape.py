"""What a shape makes of a model's numbers, and what it cannot."""

import pytest

from jobs.distill.plan import shape
from jobs.distill.recipe import PruneWidth


def shaped(desk, student=None, rows=None, **shape):
    asked = desk.recipe(student={"model": "student", "shape": shape})
    return desk.plan(student=student or desk.model("student", layers=4), rows=rows, asked=asked)


def test_a_shaped_student_trains_faster(desk):
    whole, half = desk.plan(student=desk.model("student", layers=4)), shaped(desk, kind="truncate", layers=2)
    assert half.ok
    seconds = [next(s.seconds for s in found.stages if s.kind == "train") for found in (whole, half)]
    assert seconds[1] < seconds[0]
    assert half.stages[0].kind == "shape" and "Nothing is measured" in half.stages[0].computes


@pytest.mark.parametrize(
    ("shape", "code", "words", "better"),
    [
        ({"kind": "truncate", "layers": 0}, "SHAPE_NO_LAYERS", "nothing would be left", 1),
        ({"kind": "truncate", "layers": 9}, "SHAPE_TOO_MANY_LAYERS", "has only 4", 4),
        ({"kind": "truncate", "keep": "listed"}, "SHAPE_NO_LAYERS", "No layer is listed", None),
        ({"kind": "truncate", "keep": "listed", "listed": [4]}, "SHAPE_TOO_MANY_LAYERS", "numbered from 0 to 3", None),
        ({"kind": "prune_depth", "layers": 5}, "SHAPE_TOO_MANY_LAYERS", "has only 4", 4),
        ({"kind": "prune_depth", "layers": 1, "protect_last": 2}, "SHAPE_PROTECTS_TOO_MANY", "only 1 may stay", 0),
        ({"kind": "prune_width", "heads": 3, "kv_heads": 2}, "SHAPE_HEADS_UNEVEN", "multiple of them", 2),
        ({"kind": "prune_width", "heads": 4, "kv_heads": 2}, "SHAPE_HEADS_GROUP", "has only 1 a group", 2),
        ({"kind": "prune_width", "heads": 0}, "SHAPE_NO_HEADS", "0 heads", 1),
        (
            {"kind": "prune_width", "heads": 3, "kv_heads": 3},
            "SHAPE_HEADS_WIDTH",
            "do not divide a hidden width of 128",
            None,
        ),
        ({"kind": "prune_width", "hidden": 999}, "SHAPE_TOO_MANY_HIDDEN", "has only 128", 128),
        ({"kind": "merge", "models": ["sister"]}, "SHAPE_MODEL_UNKNOWN", "there are: teacher", None),
    ],
)
def test_it_refuses_what_cannot_be_with_a_value_that_can(desk, shape, code, words, better):
    problem = desk.one(shaped(desk, **shape).refusals, code)
    assert words in problem.message and problem.field.startswith("student.shape")
    assert (problem.fix.value if problem.fix else None) == better


@pytest.mark.parametrize(
    ("family", "size", "share", "kept"),
    [
        ("llama", (128, 4, 4), 0.8, (4, 4)),  # a stock Llama cannot have 3 heads on 128
        ("llama", (128, 4, 4), 0.55, (2, 2)),
        ("qwen2", (128, 4, 4), 0.8, (3, 3)),
        ("llama", (120, 16, 2), 0.5, (8, 2)),
        ("llama", (120, 16, 2), 0.9, (12, 2)),  # 14 would be nearest, and does not divide 120
    ],
)
def test_a_share_of_the_heads_becomes_a_number_that_divides_the_width(family, size, share, kept):
    hidden, heads, kv_heads = size
    whole = shape.Size(family, 4, hidden, heads, kv_heads, 256)
    found = shape.target(PruneWidth(kind="prune_width", heads_share=share), whole)
    assert (found.heads, found.kv_heads) == kept


def test_it_refuses_families_whose_width_cannot_be_cut(desk):
    student = desk.model("student", layers=4, model_type="gpt2")
    assert (
        "by layers, not by width"
        in desk.one(shaped(desk, student, kind="prune_width", mlp_share=0.5).refusals, "SHAPE_FAMILY").message
    )
    gemma = desk.model("student", layers=4, model_type="gemma2")
    desk.one(shaped(desk, gemma, kind="prune_width", hidden_share=0.5).refusals, "SHAPE_EMBEDDING_SCALED")


def test_it_refuses_a_trimmed_vocabulary_without_special_tokens(desk):
    student = desk.model("student", special={})
    desk.one(shaped(desk, student, kind="trim_vocab").refusals, "SHAPE_NO_SPECIAL_TOKENS")


def test_the_unpruned_model_may_teach_its_own_cut(desk):
    """Same files, so without a shape there would be nothing to learn."""
    whole = desk.model("student", layers=4)
    asked = desk.recipe(student={"model": "student", "shape": {"kind": "truncate", "layers": 3}}, method="word-kd")
    found = desk.plan(student=whole, teacher=whole, asked=asked)
    assert found.ok and all(p.code != "TEACHER_IS_STUDENT" for p in found.warnings)


def test_it_warns_of_a_cut_that_changes_nothing_and_of_one_too_deep(desk):
    desk.one(shaped(desk, kind="truncate", layers=4).warnings, "SHAPE_CHANGES_NOTHING")
    deep = shaped(desk, desk.model("student", hidden=256, layers=16), kind="truncate", layers=1)
    assert "Only" in desk.one(deep.warnings, "SHAPE_SMALL").message
