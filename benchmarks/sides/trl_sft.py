"""TRL's SFT trainer on the shared workload: plain fine-tuning of the student with LoRA 16, no teacher at all."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from benchmarks import workloads
from benchmarks.sides.meter import Meter


def main(name: str) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    case, tokenizer = workloads.case(name), workloads.tokenizer()
    made = []
    for row in workloads.rows(case):
        question = [{"role": "user", "content": row["question"]}]
        prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=True)["input_ids"]
        answer = tokenizer(row["answer"] + "<|im_end|>\n")["input_ids"]
        ids = (prompt + answer)[: case.length]
        made.append({"input_ids": ids, "completion_mask": [0] * len(prompt) + [1] * (len(ids) - len(prompt))})
    meter, counted = Meter(), [0]

    class Timed(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == case.warmup:
                counted[0] = 0
                meter.start()

    class Counting(SFTTrainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            counted[0] += int((inputs["labels"][:, 1:] != -100).sum())
            return super().compute_loss(model, inputs, *args, **kwargs)

    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out,
            max_steps=case.steps + case.warmup,
            per_device_train_batch_size=case.batch,
            learning_rate=1e-4,
            max_length=case.length,
            completion_only_loss=True,
            **case.trainer(),
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            logging_steps=1,
            disable_tqdm=True,
            seed=0,
            dataloader_num_workers=0,
        )
        trainer = Counting(
            model=workloads.model("student", case),
            args=config,
            train_dataset=Dataset.from_list(made),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[Timed()],
        )
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        meter.stop(counted[0], float(losses[-1]))


if __name__ == "__main__":
    main(sys.argv[1])
