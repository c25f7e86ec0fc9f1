"""TRL's DistillationTrainer on the shared workload, LoRA 16, JSD beta 0.5.

That trainer is on-policy only: here the answers it would generate are the workload's own, so that no time goes into
generation and the same tokens are learnt as on the other sides. Its loss has no temperature of its own.
"""

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
    from trl import DistillationConfig, DistillationTrainer

    case, tokenizer = workloads.case(name), workloads.tokenizer()
    prompts: list[dict[str, list[dict[str, str]]]] = []
    answers: dict[tuple[int, ...], list[list[int]]] = {}
    for row in workloads.rows(case):
        question = [{"role": "user", "content": row["question"]}]
        ids = tuple(tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=True)["input_ids"])
        answer = tokenizer(row["answer"] + "<|im_end|>\n")["input_ids"][: case.length - len(ids)]
        prompts.append({"prompt": question})
        answers.setdefault(ids, []).append(answer)
    meter, counted = Meter(), [0]

    class Timed(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == case.warmup:
                counted[0] = 0
                meter.start()

    class Given(DistillationTrainer):
        def _generate_single_turn(self, prompt_ids: Any, *args: Any, **kwargs: Any) -> Any:
            said = [answers[tuple(ids)] for ids in prompt_ids]
            return [one.pop(0) if len(one) > 1 else one[0] for one in said]

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            counted[0] += int(inputs["completion_mask"].sum())
            return super().compute_loss(model, inputs, *args, **kwargs)

    with tempfile.TemporaryDirectory() as out:
        config = DistillationConfig(
            output_dir=out,
            max_steps=case.steps + case.warmup,
            per_device_train_batch_size=case.batch,
            gradient_accumulation_steps=1,
            learning_rate=1e-4,
            beta=0.5,
            max_completion_length=case.length,
            **case.trainer(),
            gradient_checkpointing=False,
            shuffle_dataset=False,
            save_strategy="no",
            report_to=[],
            logging_steps=1,
            disable_tqdm=True,
            seed=0,
            dataloader_num_workers=0,
        )
        trainer = Given(
            model=workloads.model("student", case),
            teacher_model=workloads.model("teacher", case),
            args=config,
            train_dataset=Dataset.from_list(prompts),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[Timed()],
        )
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        meter.stop(counted[0], float(losses[-1]))


if __name__ == "__main__":
    main(sys.argv[1])
