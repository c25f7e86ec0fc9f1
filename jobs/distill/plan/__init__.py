"""The plan compiler: recipe + facts -> plan, or refusals that say why. Light: no torch.

    compiler.compile(recipe, facts) -> Plan      the same answer for page, API, command line and worker
    pairing.pairing(student, teacher) -> Verdict    before there is a dataset

Facts come from models.inspect, data.profile and device.probe; `jobs.distill.prepare` gathers them for the command line.
Nothing is loaded here: whoever needs the facts alone does not wait for the catalogue.
"""
