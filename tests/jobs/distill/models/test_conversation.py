import pytest

from jobs.distill.errors import ModelRejected
from jobs.distill.models.conversation import Conversation

TEMPLATE = "{% for m in messages %}<u>{{ m.content }}<e>{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
CONTROLS = ("<u>", "<a>", "<e>", "<ee>", " ")


def turns(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_it_cuts_every_look_alike_and_only_those():
    pieces = Conversation(TEMPLATE, {}, CONTROLS).prompt(turns("a<ee>b <x>\ue000"))
    assert pieces == ["<u>a<", "ee>b <x>\ue000<e><a>"]


def test_it_gives_the_plain_answer_where_a_template_rewrites_its_prompt():
    rewriting = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    assert Conversation(rewriting, {}, CONTROLS).answer(turns("hello"), "yes<e>") == ["yes<", "e>"]


def test_it_knows_its_own_control_text():
    own = Conversation(TEMPLATE, {}, CONTROLS)
    assert own.has_control_text("x<e>") and not own.has_control_text("<|im_end|> plain")
    assert not Conversation(TEMPLATE, {}, []).has_control_text("<e>")


def test_it_repeats_a_row_without_the_marks():
    angry = Conversation("{{ raise_exception('no: ' + messages[0].content) }}", {}, CONTROLS)
    with pytest.raises(ModelRejected, match="no: <e>x"):
        angry.prompt(turns("<e>x"))
