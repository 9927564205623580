"""What options turn on and off, which values are refused, and the rule that does nothing."""

import pytest
import torch

from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from tests.inner_optimizers.cases import EVERY, quadratic, start, warm

HYPERPARAMETERS = {
    "sgd": {"lr"},
    "adam": {"lr", "beta1", "beta2"},
    "adamw": {"lr", "beta1", "beta2", "weight_decay"},
    "amsgrad": {"lr", "beta1", "beta2"},
    "radam": {"lr", "beta1", "beta2"},
    "adamax": {"lr", "beta1", "beta2"},
    "rmsprop": {"lr", "alpha"},
    "adagrad": {"lr"},
    "adadelta": {"lr", "rho"},
    "asgd": {"lr", "lambd", "alpha"},
    "rprop": {"lr", "etaminus", "etaplus"},
    "adam-higher2019": {"lr", "beta1", "beta2"},
    "none": set(),
}


def test_by_default_only_what_a_rule_always_has_is_learned():
    assert {name: set(make().bounds) for name, make in INNER_OPTIMIZERS.items()} == HYPERPARAMETERS


@pytest.mark.parametrize("case", EVERY)
def test_hyperparameters_are_one_scalar_a_tensor_at_the_options_value_with_bounds(case):
    rule, params = case.rule(), start()
    hyper = rule.hyperparameters(params)
    assert set(hyper) == set(rule.bounds)
    for name, tensors in hyper.items():
        assert {key: value.shape for key, value in tensors.items()} == {key: torch.Size() for key in params}
        assert all(value.dtype == torch.float64 for value in tensors.values())
        assert rule.bounds[name][0] < rule.bounds[name][1]
        for value in tensors.values():
            assert name not in case.options or float(value) == case.options[name]


@pytest.mark.parametrize("option", ["momentum", "dampening", "weight_decay", "lr_decay"])
def test_what_is_on_is_learned_and_what_is_off_is_not(option):
    on = {option: 0.3} | ({"momentum": 0.3} if option == "dampening" else {})
    rule = INNER_OPTIMIZERS["adagrad" if option == "lr_decay" else "sgd"]
    assert set(rule(**on).bounds) == {"lr", *on}
    assert set(rule(**dict.fromkeys(on, 0.0)).bounds) == {"lr"}


def test_plain_sgd_is_one_multiplication_and_remembers_nothing():
    rule, params = INNER_OPTIMIZERS["sgd"](), start()
    grads = torch.func.grad(quadratic)(params)
    moved, state = rule.step(params, grads, rule.init(params, warm(params)), rule.hyperparameters(params))
    assert state == {}
    assert all(torch.equal(moved[key], params[key] - 0.1 * grads[key]) for key in params)
    assert rule.bounds == {"lr": (1e-4, float("inf"))}


@pytest.mark.parametrize("name", ["adam", "adam-higher2019"])
def test_the_forks_clamps_hold_for_learned_betas_which_may_start_outside(name):
    rule = INNER_OPTIMIZERS[name](beta2=0.999)
    assert rule.bounds == {"lr": (1e-4, float("inf")), "beta1": (1e-4, 0.99), "beta2": (1e-4, 0.99)}
    assert float(rule.hyperparameters(start())["beta2"]["vector"]) == 0.999


def test_asgd_keeps_the_mean_of_the_weights_after_t0():
    """Closed form: with t0 = 2, the mean after six steps leaves out the first three."""
    rule, params = INNER_OPTIMIZERS["asgd"](lr=0.1, t0=2.0), start()
    state, seen = rule.init(params, None), []
    for _ in range(6):
        params, state = rule.step(params, torch.func.grad(quadratic)(params), state, rule.hyperparameters(params))
        seen.append(params)
    for key in params:
        mean = torch.stack([w[key] for w in seen[3:]]).mean(0)
        assert torch.allclose(state["ax"][key], mean, rtol=0, atol=1e-14)


def test_none_returns_its_parameters_and_learns_nothing():
    rule, params = INNER_OPTIMIZERS["none"](), start()
    assert rule.hyperparameters(params) == {} == rule.bounds
    moved, state = rule.step(params, torch.func.grad(quadratic)(params), rule.init(params, warm(params)), {})
    assert state == {}
    assert list(moved) == list(params)
    assert all(moved[key] is params[key] for key in params)


REFUSED = [
    ("sgd", {"lr": 1e-5}, "`lr` is 1e-05, but has to be in [0.0001, inf]."),
    ("sgd", {"lr": float("nan")}, "`lr` is nan"),
    ("sgd", {"lr_min": -1.0}, "`lr_min` is -1.0"),
    ("sgd", {"momentum": 1.0}, "`momentum` is 1.0"),
    ("sgd", {"momentum": -0.1}, "`momentum` is -0.1"),
    ("sgd", {"momentum": 0.9, "dampening": 1.5}, "`dampening` is 1.5"),
    ("sgd", {"dampening": 0.5}, "there is no `momentum` for it to damp"),
    ("sgd", {"nesterov": True}, "`nesterov` needs a `momentum` above 0"),
    ("sgd", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "and no `dampening`"),
    ("sgd", {"weight_decay": -0.1}, "`weight_decay` is -0.1"),
    ("adam", {"beta1": 1.0}, "`beta1` is 1.0"),
    ("adam", {"beta_min": 0.5, "beta_max": 0.4}, "`beta_min` is 0.5"),
    ("adam", {"beta_max": 1.0}, "`beta_max` is 1.0"),
    ("adam", {"eps": -1e-8}, "`eps` is -1e-08"),
    ("adam", {"weight_decay": -0.1}, "`weight_decay` is -0.1"),
    ("adam-higher2019", {"beta2": 1.0}, "`beta2` is 1.0"),
    ("adam-higher2019", {"beta_min": 0.5, "beta_max": 0.4}, "`beta_min` is 0.5"),
    ("adam-higher2019", {"eps": -1e-8}, "`eps` is -1e-08"),
    ("adamw", {"weight_decay": -0.1}, "`weight_decay` is -0.1"),
    ("adamw", {"eps": -1.0}, "`eps` is -1.0"),
    ("amsgrad", {"beta2": -0.1}, "`beta2` is -0.1"),
    ("amsgrad", {"eps": -1.0}, "`eps` is -1.0"),
    ("radam", {"beta2": 1.0}, "`beta2` is 1.0"),
    ("radam", {"eps": -1.0}, "`eps` is -1.0"),
    ("adamax", {"beta1": 2.0}, "`beta1` is 2.0"),
    ("adamax", {"eps": -1.0}, "`eps` is -1.0"),
    ("rmsprop", {"alpha": 1.0}, "`alpha` is 1.0"),
    ("rmsprop", {"momentum": 1.5}, "`momentum` is 1.5"),
    ("rmsprop", {"eps": -1.0}, "`eps` is -1.0"),
    ("adagrad", {"lr_decay": -1.0}, "`lr_decay` is -1.0"),
    ("adagrad", {"initial_accumulator_value": -1.0}, "`initial_accumulator_value` is -1.0"),
    ("adagrad", {"eps": -1.0}, "`eps` is -1.0"),
    ("adadelta", {"rho": 1.0}, "`rho` is 1.0"),
    ("adadelta", {"eps": 0.0}, "`eps` is 0.0"),
    ("asgd", {"lambd": -1.0}, "`lambd` is -1.0"),
    ("asgd", {"alpha": -1.0}, "`alpha` is -1.0"),
    ("asgd", {"t0": -1.0}, "`t0` is -1.0"),
    ("rprop", {"etaminus": 1.0}, "`etaminus` is 1.0"),
    ("rprop", {"etaplus": 1.0}, "`etaplus` is 1.0"),
    ("rprop", {"step_size_min": -1.0}, "`step_size_min` is -1.0"),
    ("rprop", {"step_size_min": 1.0, "step_size_max": 0.5}, "`step_size_max` is 0.5"),
]


@pytest.mark.parametrize(("name", "options", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_bad_value_is_a_sentence(name, options, said):
    with pytest.raises(ValueError) as caught:
        INNER_OPTIMIZERS[name](**options)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")
