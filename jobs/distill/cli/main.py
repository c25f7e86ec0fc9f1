"""Commands of the engine. Every error for people is one sentence, `error.json` and exit code 4; never a traceback."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import DistillError
from ..events import Events

DONE, STOPPED, REFUSED, CRASHED = 0, 3, 4, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the arguments and runs one command; returns the exit code."""
    from . import advice, commands, data, shape, verbs

    parser = argparse.ArgumentParser(
        prog="python -m jobs.distill", description="Distil a large language model into a small one."
    )
    commands_of = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add(commands_of)
    advice.add(commands_of)
    shape.add(commands_of)
    data.add(commands_of)
    verbs.add(commands_of)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given) or DONE)
    except DistillError as e:
        print(f"Error: {e.message}" + (f" {e.hint}" if e.hint else ""), file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # `... | head`
        sys.stderr.close()
        return DONE
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def in_folder(folder: Path, echo: bool, work: Callable[[Events], Any]) -> int:
    """Runs `work` as the child of a run folder: what goes wrong becomes `error.json`, an event and an exit code."""
    from ..arm import Stopped

    events = Events(folder, echo=echo)
    (folder / "error.json").unlink(missing_ok=True)
    try:
        work(events)
    except Stopped:
        events.log("Stopped after a checkpoint; the run goes on from there.")
        return STOPPED
    except DistillError as e:
        (folder / "error.json").write_text(json.dumps(e.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        events.emit("error", **e.as_dict())
        print(f"Error: {e.message}" + (f" {e.hint}" if e.hint else ""), file=sys.stderr)
        return REFUSED
    except Exception:
        with (folder / "engine.log").open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        last = traceback.format_exc().strip().splitlines()[-1]
        events.log(f"The engine broke: {last}", "error")
        print(f"The engine broke: {last}. The whole story is in {folder / 'engine.log'}.", file=sys.stderr)
        return CRASHED
    finally:
        events.close()
    return DONE


def in_ranks_of(folder: Path, echo: bool, work: Callable[[Path, Events], Any]) -> int:
    """`in_folder` in as many processes as the run is to have; only the first one speaks."""
    from ..joining import in_ranks

    return in_ranks(folder, lambda own, first: in_folder(own, echo and first, lambda events: work(own, events)))


def offline() -> None:
    """Nothing in a run may reach for the network: models and rows are already here."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
