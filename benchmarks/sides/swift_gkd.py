"""ms-swift's GKD trainer on the shared workload (offline data: lmbda 0), LoRA 16 on all linear layers, JSD beta 0.5, T 0.9.

It reads models and rows from files, so both models, the tokenizer and the rows are written first; that is not timed. Its own template
adds a few tokens to a row, for which there is room.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import workloads
from benchmarks.sides.meter import Meter


def written(case: workloads.Case, folder: Path) -> dict[str, str]:
    """Paths of the two models and the rows."""
    paths = {name: str(folder / name) for name in ("student", "teacher")}
    for role, path in paths.items():
        workloads.model(role, case).save_pretrained(path)
        workloads.tokenizer().save_pretrained(path)
    rows = folder / "rows.jsonl"
    with rows.open("w", encoding="utf-8") as out:
        for r in workloads.rows(case):
            turns = [{"role": "user", "content": r["question"]}, {"role": "assistant", "content": r["answer"]}]
            out.write(json.dumps({"messages": turns}) + "\n")
    return {**paths, "rows": str(rows)}


def main(name: str) -> None:
    import transformers.trainer
    from swift.pipelines import rlhf_main
    from swift.rlhf_trainers import GKDTrainer

    case, meter, counted, losses = workloads.case(name), Meter(), [0], [0.0]

    class Timed(transformers.TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == case.warmup:
                counted[0] = 0
                meter.start()
            elif state.global_step == case.warmup + case.steps:
                meter.stop(counted[0], losses[0])

    plain = GKDTrainer.compute_loss

    def counting(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        counted[0] += int((inputs["model_inputs"]["labels"][:, 1:] != -100).sum())
        loss = plain(self, model, inputs, *args, **kwargs)
        losses[0] = float(loss.detach())
        return loss

    GKDTrainer.compute_loss = counting
    every_trainer: list[Any] = transformers.trainer.DEFAULT_CALLBACKS
    every_trainer.append(Timed)
    with tempfile.TemporaryDirectory() as out:
        paths = written(case, Path(out))
        options = {
            "rlhf_type": "gkd", "model": paths["student"], "teacher_model": paths["teacher"], "dataset": paths["rows"],
            "model_type": "qwen2", "teacher_model_type": "qwen2", "template": "qwen2_5", "system": "",
            "torch_dtype": "bfloat16" if case.device == "cuda" else "float32", "lmbda": 0, "beta": 0.5, "temperature": 0.9,
            "tuner_type": "lora", "lora_rank": 16, "lora_alpha": 32, "lora_dropout": 0, "target_modules": "all-linear",
            "max_steps": case.warmup + case.steps, "per_device_train_batch_size": case.batch,
            "gradient_accumulation_steps": 1, "learning_rate": 1e-4, "max_length": case.length + 32, "output_dir": f"{out}/out",
            "gradient_checkpointing": "false", "save_strategy": "no", "eval_strategy": "no", "split_dataset_ratio": 0,
            "logging_steps": 1, "report_to": "none", "dataset_num_proc": 1, "dataloader_num_workers": 0, "seed": 0,
            "use_cpu": str(case.device == "cpu").lower(), "bf16": str(case.device == "cuda").lower(),
        }  # fmt: skip
        rlhf_main([word for key, value in options.items() for word in (f"--{key}", str(value))])


if __name__ == "__main__":
    main(sys.argv[1])
