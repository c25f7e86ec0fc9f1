from __future__ import annotations

from tests.jobs.distill.writers.saying import every, row

OPTIONS = {"language": "Swahili", "examples_from": ["French", "German"], "sentences": ["Good day.", "It rains."]}


def says(asked: str) -> str:
    if asked.startswith("Translate into"):
        return "Bonjour." if "French" in asked else "Es regnet."
    if asked.startswith("Translate from"):
        return "habari yako"
    assert "French: Bonjour.\nEnglish: Good day.\n\nGerman: Es regnet.\nEnglish: It rains." in asked
    return "English: How are you?"


def test_examples_of_many_languages_come_first_and_the_pair_is_translated_back() -> None:
    made, _ = every("diverse-translation", [row("habari yako")], says, **OPTIONS)
    assert made[0].answer == "How are you?" and made[0].messages[-1]["content"].endswith("habari yako")
    assert made[0].fields["language"] == {"question": "Swahili", "answer": "English"}
    assert made[0].fields["told_language"] == "English" and made[0].fields["checks"] == {"back-translation": 100.0}


def test_from_english_the_examples_are_turned_round() -> None:
    def turned(asked: str) -> str:
        if asked.startswith("Translate into"):
            return "Bonjour."
        assert "English: Good day.\nFrench: Bonjour." in asked and asked.endswith("English: Hi\nSwahili:")
        return "Habari"

    made, _ = every("diverse-translation", [row("Hi")], turned, **OPTIONS, direction="from English", back=False)
    assert made[0].answer == "Habari" and "checks" not in made[0].fields
