"""The files in the repository are the ones the catalogue names, and they work."""

import hashlib

import pytest

from jobs.distill.recipe import problems
from jobs.samples import catalog
from jobs.samples.export import write_dataset


@pytest.mark.parametrize("sample", [*catalog.MODELS, *catalog.DATASETS], ids=lambda sample: sample.key)
def test_every_file_has_the_size_and_hash_of_the_catalogue(sample):
    for file in sample.files:
        content = (sample.folder / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256), file.name
    assert sample.licence
    assert sample.attribution


@pytest.mark.parametrize("sample", catalog.MODELS, ids=lambda sample: sample.key)
def test_the_catalogue_lists_every_file_of_a_model(sample):
    assert {path.name for path in sample.folder.iterdir()} == {file.name for file in sample.files}


@pytest.mark.parametrize("sample", catalog.MODELS, ids=lambda sample: sample.key)
def test_no_file_of_a_model_names_a_path_of_the_machine_that_made_it(sample):
    for path in sample.folder.glob("*.json"):
        if path.name != "tokenizer.json":
            assert "/" not in path.read_text().replace("<|/", "")


def test_teacher_and_student_have_one_tokenizer():
    teacher, student = (sample.folder for sample in catalog.MODELS)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (teacher / name).read_bytes() == (student / name).read_bytes()


def test_the_models_load_and_answer_as_the_catalogue_says():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from jobs.samples.data import split_banking77
    from jobs.samples.train import exact_match

    heldout = split_banking77().heldout[:400]
    scores = {}
    for sample in catalog.MODELS:
        model = AutoModelForCausalLM.from_pretrained(sample.folder, dtype=torch.float32)
        assert model.num_parameters() == sample.parameters
        scores[sample.key] = exact_match(model, AutoTokenizer.from_pretrained(sample.folder), heldout)
        assert abs(scores[sample.key] - sample.heldout_exact_match) < 0.05
    assert scores[catalog.TEACHER] > scores[catalog.STUDENT] + 0.5


def test_the_shipped_dataset_is_what_the_script_writes(tmp_path):
    write_dataset(tmp_path)
    for name in ("banking77-sample.csv", "banking77-sample.parquet"):
        assert (tmp_path / name).read_bytes() == (catalog.DATASETS[0].folder / name).read_bytes()


def test_the_signals_are_the_shipped_teachers_and_cover_every_training_row():
    from jobs.distill.models.folder import manifest_sha256
    from jobs.distill.signals import Store, read_settings

    settings = read_settings(catalog.SIGNALS)
    assert settings.teacher == manifest_sha256(catalog.MODELS[0].folder)
    assert len(Store(catalog.SIGNALS, settings, writable=False)) == catalog.DATASETS[0].counts["train"]


def test_the_recipe_is_one():
    assert problems(catalog.RECIPE) == []
