import pytest

from jobs.distill.errors import ModelRejected
from jobs.distill.models import template

HELLO = [{"role": "user", "content": "Hello"}]


def test_it_renders_like_transformers(tiny):
    from transformers import AutoTokenizer

    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "  Bye {{ x }} "},
    ]
    theirs = AutoTokenizer.from_pretrained(tiny).apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert template.render(template.find(tiny), messages, True) == theirs


def test_it_gives_special_tokens_and_helpers():
    text = "{{ bos_token }}{%- for m in messages %}{% if loop.first %}{% continue %}{% endif %}x{% endfor %}{{ messages | tojson }}{{ strftime_now('%Y') }}"
    assert template.render(text, HELLO, True, {"bos_token": "<s>"}) == '<s>[{"role": "user", "content": "Hello"}]2026'


def test_it_reads_generation_marks_like_transformers(tiny):
    from transformers import AutoTokenizer

    tokenizer, messages = AutoTokenizer.from_pretrained(tiny), [*HELLO, {"role": "assistant", "content": "Yes?"}]
    text = "{% for m in messages %}{{ m.role }}: {% generation %}\n{% set x = m.content %}{{ x }}{% endgeneration %}\n{% endfor %}"
    assert template.render(text, messages, False) == tokenizer.apply_chat_template(
        messages, chat_template=text, tokenize=False
    )


def test_it_renders_models_without_a_template_as_lines():
    assert template.render(template.PLAIN, HELLO, True) == "Hello\n"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ messages | attr('__class__') }}{{ messages.append(1) }}",
        "{{ '{0.__class__}'.format_map({'0': 1}) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ self.__init__.__globals__ }}",
        "{{ unknown.name }}",
        "{% for %}",
        "{{ raise_exception('boom') }}",
        "{{ range(10**9) }}",
        "{{ 1 / 0 }}",
        "{{ messages[7].content.x }}",
        "(" * 3000,
        "{{ " + "(" * 2000 + ")" * 2000 + " }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_it_stops_hostile_templates(text):
    if text == "(" * 3000:
        assert template.render(text, HELLO) == text  # plain text is plain text
        return
    try:
        out = template.render(text, HELLO)
    except ModelRejected as e:
        assert e.message.startswith("The chat template")
    else:
        assert "class" not in out and "object" not in out


def test_it_says_the_line_of_a_syntax_error_and_the_authors_words():
    with pytest.raises(ModelRejected, match="line 2"):
        template.render("ok\n{% for %}", HELLO)
    with pytest.raises(ModelRejected, match="no system turns"):
        template.render("{{ raise_exception('no system turns') }}", HELLO)


def test_it_caps_template_and_output():
    with pytest.raises(ModelRejected, match="65,536"):
        template.render("x" * 70_000, HELLO)
    with pytest.raises(ModelRejected, match="more than"):
        template.render("{% for i in range(90000) %}" + "y" * 100 + "{% endfor %}", HELLO)
