"""`make demo`: one complete sample distillation through web API, database, Celery worker and engine, without a person.

Prints the report and where the adapter lies. Exit status 0 only when the downloaded adapter, reloaded with plain peft in a
fresh process, reproduces the reported score.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

import httpx

from . import first_login
from .bootstrap import ROOT, Stop
from .stack import Stack, data_dir_from_environment, free_port, port_from_environment

ARMS = ("base", "control", "student", "teacher")


def main() -> int:
    parser = argparse.ArgumentParser(description="one complete sample distillation without a person")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    parser.add_argument("--seed", type=int, help="another seed than the sample's own")
    args = parser.parse_args()
    for name in (signal.SIGINT, signal.SIGTERM):  # a shell that starts us in the background has SIGINT ignored
        signal.signal(name, signal.default_int_handler)
    try:
        port = port_from_environment() if os.environ.get("PORT") else free_port()
        with Stack(data_dir_from_environment(), port, say) as stack:
            result = run(stack, args.seed)
    except Stop as e:
        print(f"\n{e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def run(stack: Stack, seed: int | None) -> dict[str, Any]:
    """Submits, watches, downloads and proves; raises Stop with the reason when any of it fails."""
    first_login.ensure(stack.data_dir)
    began = time.monotonic()
    with httpx.Client(
        base_url=f"{stack.url}/api/v1", headers={"Authorization": f"Bearer {token()}"}, timeout=60
    ) as api:
        started = checked(
            api.post("/runs", json={"recipe": sample_recipe(seed)}, headers={"Idempotency-Key": str(uuid.uuid4())})
        ).json()
        say(f"\nRun {started['number']}: {stack.url}/runs/{started['id']}/\n")
        finished = watch(api, started["id"], stack)
        report = dict(checked(api.get(f"/runs/{started['id']}/report")).json())
        folder = download(api, finished, stack.data_dir)
    seconds = time.monotonic() - began
    prove(folder, report)
    result = {
        **{arm: score(report["scores"][arm]) for arm in ARMS},
        "gap_closed": score(report["gap_closed"]),
        "seconds": round(seconds, 1),
        "adapter": str(folder),
    }
    say(table(result, report))
    return result


def sample_recipe(seed: int | None) -> dict[str, Any]:
    from jobs.distill import recipe as recipes
    from jobs.samples.catalog import RECIPE

    recipe = recipes.to_dict(recipes.parse(RECIPE))
    return recipe if seed is None else {**recipe, "seed": seed}


def token() -> str:
    """An API token of the first account, for this demo; it replaces the one of the demo before."""
    from workbench.team.models import ApiToken, Membership, User

    user = User.objects.filter(is_superuser=True).order_by("date_joined")[0]
    membership = Membership.objects.filter(user=user).order_by("id")[0]
    ApiToken.objects.filter(user=user, name="make demo").delete()
    text = ApiToken.new_text()
    ApiToken.objects.create(team=membership.team, user=user, name="make demo", sha256=ApiToken.digest(text))
    return text


def checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        told = answer.json()
        raise Stop(f"The workbench answered {answer.status_code}: {told.get('message')} {told.get('hint') or ''}")
    except ValueError:
        raise Stop(
            f"The workbench answered {answer.status_code} to {answer.request.method} {answer.request.url}."
        ) from None


def watch(api: httpx.Client, run_id: str, stack: Stack) -> dict[str, Any]:
    """Polls until the run has ended; one line for each new phase, and its progress now and then."""
    shown = ""
    while True:
        run = dict(checked(api.get(f"/runs/{run_id}")).json())
        line = describe(run)
        if line != shown:
            say(f"  {line}")
            shown = line
        if run["state"] == "succeeded":
            return run
        if run["state"] in ("failed", "cancelled", "quarantined"):
            error = run.get("error") or {}
            raise Stop(
                f"The run ended as {run['state']}: {error.get('message', 'no reason given')} {error.get('hint') or ''}"
            )
        if dead := stack.group.dead():
            raise Stop(f"{dead.name} ended by itself. The end of its log:\n{dead.tail()}")
        time.sleep(1)


def describe(run: dict[str, Any]) -> str:
    """State, phase and progress in steps of a tenth, so that a log stays short."""
    progress = run.get("progress") or {}
    done, total = progress.get("done"), progress.get("total")
    share = f" {10 * (10 * int(done or 0) // int(total))} %" if total else ""
    return f"{run['state']} {run.get('phase') or ''}{share}".strip()


def download(api: httpx.Client, run: dict[str, Any], data_dir: Path) -> Path:
    """The zip a person downloads, unpacked under DATA_DIR/demo."""
    folder = data_dir / "demo" / f"run-{run['number']}"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_suffix(".zip")
    archive.write_bytes(checked(api.get(f"/adapters/{run['id']}/download")).content)
    with zipfile.ZipFile(archive) as z:
        for name in z.namelist():
            (folder / Path(name).name).write_bytes(z.read(name))
    return folder


def prove(folder: Path, report: dict[str, Any]) -> None:
    """A fresh process with plain peft: hashes, then the held-out rows again; the score must be the reported one."""
    from jobs.samples import catalog

    student = next(m for m in catalog.MODELS if m.key == catalog.STUDENT)
    data = next(d for d in catalog.DATASETS if d.key == catalog.DATASET)
    command = [
        sys.executable,
        "-m",
        "jobs.distill",
        "verify",
        str(folder),
        "--base",
        str(student.folder),
        "--rows",
        str(data.folder / data.rows),
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise Stop(f"The adapter does not reproduce the reported score:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    again = json.loads(done.stdout.strip().splitlines()[-1])["score"]
    if again != report["scores"]["student"]["value"]:
        raise Stop(f"The adapter scores {again}, the report says {report['scores']['student']['value']}.")
    say("\nReloaded with plain peft in a fresh process: the same score.")


def score(given: dict[str, Any]) -> dict[str, float]:
    return {k: given[k] for k in ("value", "low", "high")}


def table(result: dict[str, Any], report: dict[str, Any]) -> str:
    lines = [
        f"\n{'':10}{'score':>8}   95 % interval   ({report['metric']}, {report['scores']['student']['n']} held-out rows)"
    ]
    lines += [
        f"{arm:10}{result[arm]['value']:8.3f}   {result[arm]['low']:.3f} to {result[arm]['high']:.3f}" for arm in ARMS
    ]
    gap, lead = result["gap_closed"], report["student_minus_control"]
    lines.append(
        f"\ngap closed {gap['value']:.2f} [{gap['low']:.2f}, {gap['high']:.2f}]; student above control by {lead['value']:.3f} [{lead['low']:.3f}, {lead['high']:.3f}]"
    )
    lines.append(f"{result['seconds']:.0f} s; adapter: {result['adapter']}")
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
