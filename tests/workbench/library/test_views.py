"""Models: list, facts, adding from hub and folder."""

import pytest
from django.urls import reverse

from workbench.library import actions
from workbench.library.models import HubToken, Model
from workbench.runs.models import Kind, Run
from workbench.team.models import Membership

KEY = "11111111-1111-1111-1111-111111111111"
FACTS = {
    "name": "tiny", "model_type": "llama", "architecture": "LlamaForCausalLM", "hidden_size": 64, "layers": 2, "heads": 4, "kv_heads": 4,
    "intermediate_size": 256, "vocab_rows": 512, "context": 256, "tied": True, "parameters": 1_900_000, "weight_bytes": 7_600_000, "dtype": "float32",
    "linears": [{"name": "q_proj", "inputs": 64, "outputs": 64, "count": 2}], "tokenizer": {"vocab_sha256": "ab" * 32, "vocab_size": 500, "special": {"<end>": 0}, "eos_ids": [0]},
}  # fmt: skip


@pytest.fixture
def model(team_a):
    return Model.objects.create(
        team=team_a,
        key="org/tiny",
        title="tiny",
        source="hub",
        revision="c0ffee",
        facts=FACTS,
        folder="/secret/place",
        licence="MIT",
    )


@pytest.fixture
def admin(alice):
    Membership.objects.filter(user=alice).update(role="admin")
    return alice


def test_it_shows_facts_in_words(client_of, bob, model):
    page = client_of(bob).get("/models/").content.decode()
    assert "1.9 million parameters" in page and "256 tokens" in page and "500 tokens" in page and "MIT" in page


def test_it_links_to_the_studio_and_names_no_path(client_of, bob, model):
    page = client_of(bob).get(reverse("library:detail", args=[model.id])).content.decode()
    assert "?teacher=org%2Ftiny" in page and "q_proj" in page and "/secret/place" not in page


def test_it_hides_a_model_from_a_stranger(client_of, charlie, model):
    assert client_of(charlie).get(reverse("library:detail", args=[model.id])).status_code == 404
    assert "org/tiny" not in client_of(charlie).get("/models/").content.decode()


def test_it_shows_samples_to_everybody(client_of, charlie, db):
    Model.objects.create(team=None, key="sample/x", title="Sample X", source="sample", facts=FACTS)
    assert "Sample X" in client_of(charlie).get("/models/").content.decode()


def test_it_starts_one_run_per_form(client_of, alice, db):
    for _ in range(2):
        answer = client_of(alice).post(
            "/models/add/", {"model": "org/name", "revision": "", "token": "", "idem_key": KEY}
        )
    run = Run.objects.get(kind=Kind.ADD_MODEL)
    assert answer.url == reverse("runs:detail", args=[run.id]) and run.spec == {
        "source": "hub",
        "key": "org/name",
        "revision": "main",
    }


@pytest.mark.parametrize(
    "name",
    ["name", "../etc/passwd", "org/..", "org/na me", "https://huggingface.co/org/name", "org/name/x", "a" * 300, ""],
)
def test_it_refuses_what_is_no_hub_id(client_of, alice, name):
    answer = client_of(alice).post("/models/add/", {"model": name, "revision": "main", "idem_key": KEY})
    assert answer.status_code == 422 and not Run.objects.exists()


@pytest.mark.parametrize("revision", ["a b", "../x", "-x", "x\ny"])
def test_it_refuses_odd_revisions(client_of, alice, revision):
    assert (
        client_of(alice).post("/models/add/", {"model": "org/name", "revision": revision, "idem_key": KEY}).status_code
        == 422
    )


def test_it_stores_a_token_sealed_and_never_shows_it(client_of, alice, team_a):
    secret = "hf_canary_5f8e1c"
    client_of(alice).post("/models/add/", {"model": "org/gated", "revision": "", "token": secret, "idem_key": KEY})
    assert actions.hub_token(team_a) == secret
    assert secret not in HubToken.objects.get().sealed and secret not in str(Run.objects.get().spec)
    page = client_of(alice).get("/models/add/").content.decode()
    assert "has a token stored" in page and secret not in page


def test_it_forgets_the_token(client_of, alice, team_a):
    actions.set_hub_token(team_a, alice, "hf_something")
    client_of(alice).post("/models/token/remove/")
    assert actions.hub_token(team_a) == ""


def test_it_says_when_a_token_was_sealed_with_another_key(team_a, alice, settings):
    actions.set_hub_token(team_a, alice, "hf_something")
    settings.SECRET_KEY = "another"
    with pytest.raises(ValueError, match="another SECRET_KEY"):
        actions.hub_token(team_a)


def test_it_adds_a_folder_under_an_allowed_root(client_of, admin, settings, tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "config.json").write_text("{}")
    settings.MODEL_ROOTS = [tmp_path]
    assert client_of(admin).post("/models/add/folder/", {"folder": "llama", "idem_key": KEY}).status_code == 302
    assert Run.objects.get().spec == {"source": "folder", "key": "local/llama", "path": str(tmp_path / "llama")}


@pytest.mark.parametrize("folder", ["..", "../other", "/etc", "link", "", ".", "empty", "x\x00y"])
def test_it_refuses_other_folders(client_of, admin, settings, tmp_path, folder):
    root, other = tmp_path / "root", tmp_path / "other"
    for place in (root / "empty", other):
        place.mkdir(parents=True)
    (other / "config.json").write_text("{}")
    (root / "link").symlink_to(other)
    settings.MODEL_ROOTS = [root]
    assert client_of(admin).post("/models/add/folder/", {"folder": folder, "idem_key": KEY}).status_code == 422
    assert not Run.objects.exists()


def test_it_lets_only_administrators_name_folders(client_of, bob):
    assert client_of(bob).post("/models/add/folder/", {"folder": "x", "idem_key": KEY}).status_code == 403
    assert "From a folder" not in client_of(bob).get("/models/add/").content.decode()
