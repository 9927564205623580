"""What `--plan` may say, and the sentence for what it may not; a plan that was written down and read again."""

import json

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.training.plan import Plan, find_device, parse_plan, recorded_plan

FIELDS = "threads, tasks_at_once, program, workers, recompute, replicas, precision"
PLAN = Plan("cpu", 1, 2, "traced", 2, True, 3, "bfloat16")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("threads=2", {"threads": 2}),
        ("tasks_at_once=8", {"tasks_at_once": 8}),
        ("program=eager", {"program": "eager"}),
        ("program=traced,workers=2", {"program": "traced", "workers": 2}),
        ("program=graph replicas=3", {"program": "graph", "replicas": 3}),
        ("recompute=true, precision=tf32,", {"recompute": True, "precision": "tf32"}),
        ("recompute=false precision=bfloat16", {"recompute": False, "precision": "bfloat16"}),
        ("precision=float32", {"precision": "float32"}),
        ("workers=2,workers=3", {"workers": 3}),
    ],
)
def test_what_a_plan_says(text, found):
    assert parse_plan(text) == found
    assert {name: type(value) for name, value in parse_plan(text).items()} == {n: type(v) for n, v in found.items()}


@pytest.mark.parametrize("name", FIELDS.split(", "))
def test_every_field_but_the_device_may_be_given(name):
    value = str(getattr(PLAN, name)).lower()
    assert parse_plan(f"{name}={value}") == {name: getattr(PLAN, name)}


def test_those_are_all():
    assert {*FIELDS.split(", "), "device"} == set(Plan._fields)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fast", f"--plan: 'fast' is none of {FIELDS}."),
        ("program=traced,wokers=2", f"--plan: 'wokers' is none of {FIELDS}."),
        ("device=cuda", f"--plan: 'device' is none of {FIELDS}."),
        ("=2", f"--plan: '' is none of {FIELDS}."),
        ("workers=0", "--plan: `workers` cannot be '0': a whole number from 1 on is needed."),
        ("workers=-1", "--plan: `workers` cannot be '-1': a whole number from 1 on is needed."),
        ("threads=two", "--plan: `threads` cannot be 'two': a whole number from 1 on is needed."),
        ("tasks_at_once=1.5", "--plan: `tasks_at_once` cannot be '1.5': a whole number from 1 on is needed."),
        ("replicas=", "--plan: `replicas` cannot be '': a whole number from 1 on is needed."),
        ("replicas=²", "--plan: `replicas` cannot be '²': a whole number from 1 on is needed."),
        ("program", "--plan: `program` cannot be '': one of eager, traced, graph is needed."),
        ("program=fast", "--plan: `program` cannot be 'fast': one of eager, traced, graph is needed."),
        ("recompute=yes", "--plan: `recompute` cannot be 'yes': true or false is needed."),
        ("recompute=True", "--plan: `recompute` cannot be 'True': true or false is needed."),
        ("precision=half", "--plan: `precision` cannot be 'half': one of float32, tf32, bfloat16 is needed."),
    ],
)
def test_what_is_no_plan_is_told_in_a_sentence(text, says):
    with pytest.raises(BenchError) as error:
        parse_plan(text)
    assert str(error.value) == says


def test_a_plan_comes_back_from_a_status():
    assert recorded_plan(json.loads(json.dumps({"plan": PLAN._asdict()}))) == PLAN


@pytest.mark.parametrize(
    "status",
    [{}, {"plan": None}, {"plan": 3}, {"plan": {}}, {"plan": {"device": "cpu", "threads": 1, "tasks_at_once": 8}}],
    ids=["none", "null", "number", "empty", "of an older version"],
)
def test_what_a_status_says_else_is_no_plan(status):
    assert recorded_plan(status) is None


def test_a_device_that_is_not_there_is_told_in_a_sentence():
    assert find_device("cpu") == "cpu"
    assert find_device("auto") in ("cpu", "cuda")
    with pytest.raises(BenchError, match=r"no device 'tpu9' on this machine \(.*\)\. Try --device cpu\."):
        find_device("tpu9")
