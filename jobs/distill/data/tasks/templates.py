"""The eight templates. Data: a new task is a new entry here, and stands in the page, the API and the help at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Task:
    """`instruction` may hold {{variables}}; `answer` is a value of Options.answer, `metric` one of a recipe's evaluation."""

    key: str
    title: str
    description: str
    instruction: str
    answer: str
    answer_words: str
    metric: str
    metric_why: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


AS_IT_STANDS = "The answer as the file has it."

TEMPLATES: dict[str, Task] = {
    task.key: task
    for task in (
        Task(
            "classification",
            "Classification",
            "One of a few labels for each text.",
            "Classify the text. Answer with exactly one of these {{label_count}} labels and nothing else:\n{{labels}}",
            "as_is",
            "The label alone, so that a right answer is the same text.",
            "exact_match",
            "a label is right or wrong",
        ),
        Task(
            "extraction",
            "Extraction",
            "Named values taken out of a text, written as JSON.",
            "Extract from the text the fields {{fields}}. Answer with one JSON object that has exactly these keys and "
            "nothing else. A field that the text does not mention is null.",
            "json",
            "The fields of the answer as one JSON object, always in the same order.",
            "exact_match",
            "every field must be right; the order of keys is always the same",
        ),
        Task(
            "question_answer",
            "Question and answer",
            "A question, and an answer in words.",
            "Answer the question. Be correct and brief.",
            "as_is",
            AS_IT_STANDS,
            "auto",
            "short answers are compared exactly, long ones by their common words",
        ),
        Task(
            "summary",
            "Summary",
            "A long text, and a short one that says what matters.",
            "Summarise the text in a few sentences. Use only what it says.",
            "as_is",
            AS_IT_STANDS,
            "rouge_l",
            "a summary is compared by its common words",
        ),
        Task(
            "translation",
            "Translation",
            "A text, and the same in another language.",
            "Translate the text from {{source_language}} to {{target_language}}. Answer with the translation alone.",
            "as_is",
            AS_IT_STANDS,
            "chrf",
            "a translation is compared by the pieces of words it has in common with the given one, in any script",
        ),
        Task(
            "chat",
            "Chat",
            "Conversations of several turns; the last answer is learnt.",
            "You are a helpful assistant.",
            "as_is",
            "The assistant's last turn; the turns before it are read.",
            "rouge_l",
            "free answers are compared by their common words",
        ),
        Task(
            "code",
            "Code",
            "A description or the beginning of a program, and the code.",
            "Write the code that is asked for. Answer with code alone.",
            "as_is",
            "The code as the file has it, white space and all.",
            "bits_per_byte",
            "there are many right programs: how likely the model finds the given one says more than equality",
        ),
        Task(
            "reasoning",
            "Reasoning with answer",
            "A problem whose answer can be checked, with or without the steps to it.",
            "Solve the problem step by step. Write the result alone in the last line.",
            "reasoned",
            "The steps first where a column holds them, then the result in a line of its own.",
            "numeric_match",
            "the last number of the answer is the result",
        ),
    )
}

VARIABLES = {
    "labels": "all labels, one a line",
    "label_count": "how many labels there are",
    "fields": "names of the answer's fields",
    "source_language": "language of the user's text, by the name of its column",
    "target_language": "language of the answer, by the name of its column",
}
