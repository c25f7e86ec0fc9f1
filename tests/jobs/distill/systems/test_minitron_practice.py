"""Teacher-correction adapter lowers teacher loss on the set; corrected run ends with lower student loss than raw."""

import pytest

from jobs.distill.catalog import expand
from jobs.distill.recipe import parse, to_dict

from .shaping import healed, losses, nats, run


@pytest.mark.slow
def test_correcting_the_teacher_lowers_its_loss_and_the_students(tmp_path):
    place, _ = run(tmp_path, "minitron-practice", {"share": 0.5}, steps=16)
    correction = losses(place, "teacher")
    assert correction[-1] < correction[0]
    raw = expand(parse({"method": "minitron-practice", "options": {"share": 0.5}, "train": {"steps": 16, "batch_size": 6, "learning_rate": 0.02},
                        "teacher": {"model": "sample/teacher"}, "student": {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}}, "data": {"dataset": "tiny"}}))  # fmt: skip
    stages = [s for s in to_dict(raw)["stages"] if s.get("learner") != "teacher"]
    student = {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}, "shape": to_dict(raw)["student"]["shape"]}
    other, _ = run_stages(tmp_path, stages, student)
    corrected, plain = (nats(healed(p), p / "student", p) for p in (place, other))
    assert corrected < plain


def run_stages(folder, stages, student):
    from jobs.distill.events import Events
    from jobs.distill.run import distill
    from tests.jobs.distill import tiny

    asked = {"method": None, "train": {}, "stages": stages, "student": student, "control": False}
    place = tiny.run_folder(folder / "raw", asked)
    return place, distill(place, Events(place))
