"""Terms and systems from another package, through real entry points of a package on the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]

MODULE = """
from jobs.distill.objectives.base import Part

class Entropy(Part):
    id = "mine-entropy"
    title = "Entropy"
    summary = when_to_use = formula = "x"

    def value(self, view, T, options):
        lq = view.logq(T)
        return -(lq.exp() * lq).sum(-1)

class Thief(Entropy):
    id = "forward-kl"

NOT_A_PART = 3
SYSTEM = {"id": "mine", "title": "Mine", "question": "Mine?", "summary": "x", "when_to_use": "x", "formula": "x",
          "stages": [{"kind": "train", "steps": 1, "terms": [{"type": "mine-entropy"}]}]}
THIEF = {**SYSTEM, "id": "sft"}
"""
ENTRY_POINTS = """[distillation_workbench.parts]
entropy = mine:Entropy
thief = mine:Thief
number = mine:NOT_A_PART
gone = nowhere:Part

[distillation_workbench.systems]
mine = mine:SYSTEM
thief = mine:THIEF
"""


def see(tmp_path: Path, code: str) -> str:
    (tmp_path / "mine.py").write_text(MODULE)
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_it_adds_what_is_new_and_leaves_out_the_rest(tmp_path):
    code = """
import json
from jobs.distill import catalog
from jobs.distill.recipe import parse
r = catalog.expand(parse({"method": "mine", "student": {"model": "s"}, "data": {"file": "f"}}))
print(json.dumps([r.stages[0].terms[0].type, catalog.PARTS["forward-kl"].__module__, catalog.SYSTEMS["sft"].title, catalog.PROBLEMS]))
"""
    term, module, title, problems = json.loads(see(tmp_path, code))
    assert term == "mine-entropy" and module == "jobs.distill.objectives.forward_kl" and title == "Plain fine-tuning"
    assert len(problems) == 4
    assert "Plugin mine:Thief was left out: the id 'forward-kl' is taken already." in problems
    assert "Plugin mine:THIEF was left out: the id 'sft' is taken already." in problems
    assert any("mine:NOT_A_PART" in p and "not a subclass" in p for p in problems)
    assert any("nowhere:Part" in p and "nowhere" in p for p in problems)


def test_a_term_without_a_closed_form_gets_its_gradient_from_autograd(tmp_path):
    code = """
import torch
from jobs.distill.catalog import PARTS
from jobs.distill.head import Head, head_pass
from jobs.distill.objectives.base import Objective
torch.manual_seed(0)
h, W = torch.randn(9, 4).double(), torch.randn(20, 4).double()
a, b = h.clone().requires_grad_(), h.clone().requires_grad_()
terms = [Objective(PARTS["mine-entropy"](), temperature=2.0), Objective(PARTS["cross-entropy"]())]
head_pass(a, Head(W), terms, [torch.ones(9)] * 2, torch.arange(9), chunk=4).loss.backward()
lq = torch.log_softmax(b @ W.T / 2, -1)
(-(lq.exp() * lq).sum() + torch.nn.functional.cross_entropy(b @ W.T, torch.arange(9), reduction="sum")).backward()
print((a.grad - b.grad).abs().max().item() < 1e-12)
"""
    assert see(tmp_path, code).strip() == "True"
