"""Tests of a learner's predictions: what they look like, and what they may not look at."""

from fewshot_bench.basics.counting import counted
from fewshot_bench.conformance.findings import Outcome, within
from fewshot_bench.conformance.learner.subject import STEPS, WAYS, Candidate, trial, two_tasks
from fewshot_bench.conformance.measures import apart, finite, same
from fewshot_bench.conformance.tiny import one

ALONE = 1e-10  # allowed between an inductive prediction among some queries and among others


def logits(candidate: Candidate) -> Outcome:
    """One row a query, after as many steps as in training, none, or more."""
    learner, parts, meta, stage = trial(candidate)
    for queries in (1, 2):
        for steps in (STEPS, 0, STEPS + 3):
            for batch_norm in ("transductive", "inductive"):
                task, now = one(two_tasks(queries=queries)), stage._replace(steps=steps)
                found, wanted = learner.predict(parts, meta, now, task, batch_norm), (queries * WAYS, WAYS)
                if found.shape != wanted or not finite(found):
                    what = f"{list(found.shape)}" if found.shape != wanted else "what is not finite"
                    return (
                        False,
                        f"{batch_norm}, {counted(steps, 'step')}: gives {what} for logits of shape {list(wanted)}.",
                    )
    return True, f"[queries, ways], finite, after 0, {STEPS} and {STEPS + 3} steps"


def labels_are_unseen(candidate: Candidate) -> Outcome:
    """Query labels are what predictions are judged by."""
    learner, parts, meta, stage = trial(candidate)
    task = one(two_tasks())
    swapped = task._replace(query=task.query._replace(y=(task.query.y + 1) % WAYS))
    for batch_norm in ("transductive", "inductive"):
        if not same(*(learner.predict(parts, meta, stage, t, batch_norm) for t in (task, swapped))):
            return False, f"{batch_norm} predictions change with the labels of the queries: they are looked at."
    return True, "predictions are the same whatever they are"


def inductive(candidate: Candidate) -> Outcome:
    """A query's prediction does not depend on the queries that come with it."""
    learner, parts, meta, stage = trial(candidate)
    task = one(two_tasks())
    x = task.query.x.clone()
    x[1:] = 1 - x[1:]
    among_others = task._replace(query=task.query._replace(x=x))
    first, second = (learner.predict(parts, meta, stage, t, "inductive")[0] for t in (task, among_others))
    what = "inductive predictions for one query among two sets of others"
    return within(apart(first, second), ALONE, what, "Normalise a query with the support set: see model.query_logits.")
