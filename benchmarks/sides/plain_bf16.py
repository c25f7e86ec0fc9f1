"""A plain full-logit distillation loop in bfloat16, as one would write it in an afternoon: both models' logits over the whole
padded batch, JSD beta 0.5 at T 0.9 on the answer positions, LoRA 16, AdamW."""

from __future__ import annotations

import sys

import torch

from benchmarks import workloads
from benchmarks.sides.meter import Meter

TEMPERATURE = 0.9


def batches(case: workloads.Case) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(ids, attention mask, labels) of each step, padded to its longest row; labels -100 where nothing is supervised."""
    tokenizer, made = workloads.tokenizer(), []
    for row in workloads.rows(case):
        question = [{"role": "user", "content": row["question"]}]
        prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=True)["input_ids"]
        ids = (prompt + tokenizer(row["answer"] + "<|im_end|>\n")["input_ids"])[: case.length]
        made.append((ids, len(prompt)))
    out = []
    for begin in range(0, len(made), case.batch):
        some = made[begin : begin + case.batch]
        longest = max(len(ids) for ids, _ in some)
        ids = torch.zeros(len(some), longest, dtype=torch.long)
        labels = torch.full_like(ids, -100)
        mask = torch.zeros_like(ids)
        for r, (one, start) in enumerate(some):
            ids[r, : len(one)], mask[r, : len(one)] = torch.tensor(one), 1
            labels[r, start : len(one)] = ids[r, start : len(one)]
        out.append((ids, mask, labels))
    return out


def divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean generalised JSD of [N, V] logits."""
    q, p = (torch.log_softmax(z.float() / TEMPERATURE, -1) for z in (student, teacher))
    m = torch.logsumexp(torch.stack([p, q]), 0) - torch.log(torch.tensor(2.0))
    return 0.5 * ((p.exp() * (p - m)).sum(-1) + (q.exp() * (q - m)).sum(-1)).mean()


def main(name: str) -> None:
    from peft import LoraConfig, get_peft_model

    case = workloads.case(name)
    teacher = workloads.model("teacher", case).bfloat16().eval()
    student = workloads.model("student", case).bfloat16()
    student = get_peft_model(
        student, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    optimizer = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=1e-4)
    meter, counted, last = Meter(), 0, 0.0
    for step, (ids, mask, labels) in enumerate(batches(case)):
        if step == case.warmup:
            counted = 0
            meter.start()
        wanted = labels[:, 1:] != -100
        with torch.no_grad():
            theirs = teacher(input_ids=ids, attention_mask=mask).logits[:, :-1]
        ours = student(input_ids=ids, attention_mask=mask).logits[:, :-1]
        loss = divergence(ours[wanted], theirs[wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        counted, last = counted + int(wanted.sum()), float(loss.detach())
    meter.stop(counted, last)


if __name__ == "__main__":
    main(sys.argv[1])
