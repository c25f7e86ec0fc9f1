"""One JSON list, or an object of lists."""

from .harness import fuzz, hostile

if __name__ == "__main__":
    fuzz(
        "x.json",
        [
            *hostile(".json"),
            '[{"text": "a"}]'.encode("utf-16"),
            b'{"train":[{"text":"a","label":"b"}],"test":[["a","b"]]}',
        ],
    )
