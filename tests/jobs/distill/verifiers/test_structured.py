"""JSON by schema: our own reader agrees with the reference implementation, and names the path of what is wrong."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.distill.errors import RecipeInvalid
from jobs.distill.verifiers.json_schema import MOST_CHARACTERS, problem, read_schema
from jobs.distill.verifiers.structured import JsonSchema, json_of

from .rows import oks, reason, row

PEOPLE = json.dumps(
    {
        "type": "object",
        "required": ["people"],
        "additionalProperties": False,
        "properties": {"people": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/person"}}},
        "$defs": {
            "person": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
                    "kind": {"enum": ["a", "b"]},
                },
            }
        },
    }
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"people": [{"name": "A", "age": 3, "kind": "b"}]}', None),
        ('Here it is:\n```json\n{"people": [{"name": "A"}]}\n```\nDone.', None),
        ('Sure: {"people": [{"name": "A"}]} is it', None),
        ('{"people": []}', "$.people: 0 items, at least 1"),
        ('{"people": [{"name": "A"}, {"age": 3}]}', "$.people[1]: 'name' is missing"),
        ('{"people": [{"name": 3}]}', "$.people[0].name: string is wanted, found integer"),
        ('{"people": [{"name": "A", "age": -1}]}', "$.people[0].age: -1 is below 0"),
        ('{"people": [{"name": "A", "age": 150}]}', "$.people[0].age: 150 must be below 150"),
        ('{"people": [{"name": "A", "age": 2.5}]}', "integer is wanted, found number"),
        ('{"people": [{"name": "A", "kind": "c"}]}', '"c" is none of ["a","b"]'),
        ('{"people": [{"name": "A"}], "x": 1}', "'x' is not one of its properties"),
        ('{"people": [{"name": "A"}]', "not JSON"),
        ('{"people": [], "people": []}', "'people' stands twice"),
        ('{"people": [{"name": "A", "age": NaN}]}', "NaN is not JSON"),
        ('{"people": [{"name": "A", "age": -1e400}]}', "-1e400 is larger than any number"),
        ("[1]", "$: object is wanted, found array"),
        ("", "the answer is empty"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_answers_hold_to_the_schema_or_the_path_is_named(answer: str, words: str | None) -> None:
    if words is None:
        assert oks(JsonSchema, [row(answer)], json_schema=PEOPLE) == [True]
    else:
        assert words in reason(JsonSchema, row(answer), json_schema=PEOPLE)


def test_without_fences_the_whole_answer_must_be_json() -> None:
    assert oks(JsonSchema, [row('```json\n{"a": 1}\n```'), row('{"a": 1}')], fenced=False) == [False, True]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{"type": "string", "pattern": "(a+)+$"}', "'pattern' is not supported"),
        ('{"patternProperties": {"^a": {}}}', "'patternProperties' is not supported"),
        ('{"$ref": "http://169.254.169.254/"}', "must point into this schema"),
        ('{"$ref": "#/$defs/x"}', "points to nothing"),
        ('{"default": {"pattern": "(a+)+$"}, "$ref": "#/default"}', "'pattern' is not supported"),
        (
            '{"examples": {"a": {"type": "text"}}, "items": {"$ref": "#/examples/a"}}',
            "$.items.$ref.type: a type is one of",
        ),
        ('{"type": "text"}', "a type is one of"),
        ('{"properties": {"a": 3}}', "$.properties.a"),
        ('{"required": "a"}', "a list of names"),
        ('{"minimum": "1"}', "a number is wanted"),
        ('{"maxLength": -1}', "from 0"),
        ('{"multipleOf": 0}', "above 0"),
        ('{"anyOf": []}', "a list of schemas"),
        ("[]", "must be a JSON object"),
        ("{", "not JSON"),
        ('{"not": ' * 70 + "{}" + "}" * 70, "nested more than 64"),
    ],
)
def test_schemas_that_could_not_be_checked_are_refused_with_their_place(schema: str, words: str) -> None:
    with pytest.raises(RecipeInvalid, match="schema"):
        read_schema(schema)
    with pytest.raises(ValidationError) as e:
        JsonSchema.Options(json_schema=schema)
    assert words in str(e.value)


def test_numbers_of_any_length_are_compared() -> None:
    """A whole number that no float holds; a reader of floats would end the run."""
    large = "1" + "0" * 400
    schema = read_schema(f'{{"minimum": {large}, "multipleOf": 7}}')
    assert problem(8, schema) == f"$: 8 is below {large}"
    assert "is no multiple of 7" in str(problem(10**400, schema))


def test_a_value_too_deep_to_compare_gets_a_sentence() -> None:
    value = json_of("[" * 900 + "]" * 900)
    assert "too deeply nested" in str(problem(value, read_schema('{"enum": [1]}')))


def test_a_long_schema_is_refused_with_both_numbers() -> None:
    with pytest.raises(RecipeInvalid, match="65,5"):
        read_schema(" " * (MOST_CHARACTERS + 1))


def test_a_schema_that_refers_to_itself_ends() -> None:
    loop = read_schema('{"$ref": "#"}')
    assert "too deeply" in str(problem(1, loop))
    doubled = read_schema(
        '{"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}'
    )
    assert "too deeply" in str(problem(1, doubled))
    tree = read_schema('{"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false}')
    assert problem({"next": {"next": {}}}, tree) is None
    assert problem({"next": {"next": {"x": 1}}}, tree) == "$.next.next: 'x' is not one of its properties"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0, 2.5, -1.0]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
LEAVES = st.one_of(
    st.booleans(),
    st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"]).map(lambda t: {"type": t}),
    st.lists(st.sampled_from(["string", "integer", "null"]), min_size=1, max_size=2, unique=True).map(
        lambda t: {"type": t}
    ),
    st.lists(VALUES, min_size=1, max_size=3).map(lambda v: {"enum": v}),
    VALUES.map(lambda v: {"const": v}),
    st.integers(-3, 3).map(lambda n: {"minimum": n}),
    st.integers(-3, 3).map(lambda n: {"exclusiveMaximum": n}),
    st.sampled_from([0.5, 1, 2]).map(lambda n: {"multipleOf": n}),
    st.integers(0, 3).map(lambda n: {"minLength": n, "maxItems": n}),
    st.integers(0, 2).map(lambda n: {"minItems": n, "maxProperties": n + 1}),
    st.just({"uniqueItems": True}),
    st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(lambda r: {"required": r}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda s: {"items": s}),
        inner.map(lambda s: {"not": s}),
        inner.map(lambda s: {"additionalProperties": s}),
        st.tuples(inner, inner).map(lambda s: {"properties": {"a": s[0], "b": s[1]}, "additionalProperties": False}),
        st.tuples(st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, min_size=1, max_size=3)).map(lambda s: {s[0]: s[1]}),
    ),
    max_leaves=6,
).filter(lambda s: isinstance(s, dict))  # fmt: skip


@given(SCHEMAS, VALUES)
@settings(max_examples=400, deadline=None)
def test_it_agrees_with_the_reference_implementation(schema: dict[str, Any], value: Any) -> None:
    checked = read_schema(json.dumps(schema))
    assert (problem(value, checked) is None) == jsonschema.Draft202012Validator(schema).is_valid(value)


@settings(deadline=None)
@given(st.text(max_size=200) | VALUES.map(json.dumps))
def test_no_answer_makes_it_raise_anything_but_a_sentence(text: str) -> None:
    try:
        json_of(text)
    except ValueError as e:
        assert str(e)
