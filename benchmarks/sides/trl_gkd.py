"""TRL's GKD trainer on the shared workload (offline data: lmbda 0), LoRA 16 on all linear layers, JSD beta 0.5, T 0.9.

python -m benchmarks.sides.trl_gkd CASE [liger]: with Liger's kernels in the student's layers (they need a GPU)
"""

from __future__ import annotations

import sys
import tempfile

from benchmarks import workloads
from benchmarks.sides.meter import Meter


def main(name: str, liger: bool = False) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    case = workloads.case(name)
    data = Dataset.from_list(
        [
            {"messages": [{"role": "user", "content": r["question"]}, {"role": "assistant", "content": r["answer"]}]}
            for r in workloads.rows(case)
        ]
    )
    meter, counted = Meter(), [0]

    class Timed(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):  # type: ignore[no-untyped-def]
            if state.global_step == case.warmup:
                counted[0] = 0
                meter.start()

    with tempfile.TemporaryDirectory() as out:
        config = GKDConfig(
            output_dir=out,
            max_steps=case.steps + case.warmup,
            per_device_train_batch_size=case.batch,
            learning_rate=1e-4,
            lmbda=0.0,
            beta=0.5,
            temperature=0.9,
            max_length=case.length,
            **case.trainer(),
            use_liger_kernel=liger,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            logging_steps=1,
            disable_tqdm=True,
            seed=0,
            dataloader_num_workers=0,
        )
        trainer = GKDTrainer(
            model=workloads.model("student", case),
            teacher_model=workloads.model("teacher", case),
            args=config,
            train_dataset=data,
            processing_class=workloads.tokenizer(),
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[Timed()],
        )
        inner = trainer.compute_loss

        def counting(model, inputs, *args, **kwargs):  # type: ignore[no-untyped-def]
            counted[0] += int((inputs["labels"][:, 1:] != -100).sum())
            return inner(model, inputs, *args, **kwargs)

        trainer.compute_loss = counting
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        meter.stop(counted[0], float(losses[-1]))


if __name__ == "__main__":
    main(sys.argv[1], "liger" in sys.argv[2:])
