"""The GPU benchmark: what it says without a GPU, that our side of it works, and how its figures are put together."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks import gpu_step, workloads
from benchmarks.sides import ours


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_step.main([]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "no GPU" in said.err


@pytest.mark.parametrize("mode", ["online", "recorded"])
def test_our_side_trains_on_the_toy_case(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    ours.main("tiny", mode)
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    case = workloads.case("tiny")
    assert (
        0.7 * case.steps * case.batch * case.length < row["supervised_tokens"] < case.steps * case.batch * case.length
    )
    assert 0 < row["loss"] < 1 and row["tokens_per_second"] > 0
    output = row["supervised_tokens"] * case.vocab * workloads.SHAPES["tiny"]["student"].width
    assert row["matmul_flops"] > 4 * output


def test_the_shapes_are_of_eight_billion_and_one() -> None:
    teacher, student = (workloads.SHAPES["billions"][role] for role in ("teacher", "student"))
    vocab = workloads.case(gpu_step.CASE).vocab
    assert 7.4e9 < teacher.linear_parameters + vocab * teacher.width < 8.1e9
    assert 1.1e9 < student.linear_parameters + vocab * student.width < 1.4e9


def run(seconds: float, tokens: float, peak: int, **more: Any) -> dict[str, Any]:
    return {"seconds": seconds, "tokens_per_second": tokens, "peak_gpu_bytes": peak, "peak_bytes": 1, **more}


def test_rates_are_held_against_the_measured_product() -> None:
    results = {
        "ours-online": [run(2.0, 300.0, 50, matmul_flops=8e14)],
        "ours-recorded": [run(1.0, 600.0, 20, matmul_flops=2e14)],
        "trl-gkd": [run(4.0, 150.0, 200)],
    }
    rows = {r["name"]: r for r in gpu_step.summary(results, "gpu-2k", 8e14, True)}
    assert rows["ours-online"]["tflops"] == pytest.approx(400)
    assert [rows[n]["share_of_ceiling"] for n in results] == pytest.approx([0.5, 0.25, 0.25])
    held = {(r["ours"], r["against"]): (r["speed"], r["memory"]) for r in gpu_step.ratios(list(rows.values()))}
    assert held == {("ours-online", "trl-gkd"): (2.0, 0.25), ("ours-recorded", "trl-gkd"): (4.0, 0.1)}


def test_a_side_that_fails_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(python: str, module: str, arguments: list[str], threads: int) -> dict[str, Any]:
        if module == "theirs":
            raise RuntimeError("it ended with 1:\nno such kernel")
        return run(1.0, 1.0, 1)

    monkeypatch.setattr(gpu_step.harness, "measure", measured)
    missing: dict[str, str] = {}
    found = gpu_step.run_all([("ours-online", "", "ours", []), ("trl-gkd", "", "theirs", [])], 2, 1, missing)
    assert len(found["ours-online"]) == 2 and "trl-gkd" not in found
    assert "no such kernel" in missing["trl-gkd"]
