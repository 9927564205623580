"""torchmeta 1.8.0's answers, by MetaModules and gradient_update_parameters."""

from collections import OrderedDict

from torch import nn

from fewshot_bench.peers.importing import torchmeta
from tests.peers.questions import LR, STEPS, Answer, Question, answer, leaves, support_loss


def meta_network(network: nn.Sequential) -> nn.Module:
    """The same network of torchmeta's modules, parameters under the same names."""
    modules = torchmeta().modules
    same = modules.MetaSequential(*(_meta_layer(layer, modules) for layer in network)).double()
    same.load_state_dict(network.state_dict())
    return same


def _meta_layer(layer: nn.Module, modules) -> nn.Module:
    match layer:
        case nn.Conv2d():
            return modules.MetaConv2d(layer.in_channels, layer.out_channels, 3, padding=1, bias=False)
        case nn.BatchNorm2d():
            return modules.MetaBatchNorm2d(layer.num_features, track_running_stats=False)
        case nn.Linear():
            return modules.MetaLinear(layer.in_features, layer.out_features)
    return layer


def _adapted(question: Question, moving: str = "", step_size=LR, first_order: bool = False) -> Answer:
    """moving: the prefix of what adapts. step_size: as gradient_update_parameters takes it."""
    update = torchmeta().utils.gradient_based.gradient_update_parameters
    model, task = meta_network(question.network), question.task
    start = OrderedDict(model.meta_named_parameters())
    params = OrderedDict((name, p) for name, p in start.items() if name.startswith(moving))
    for _ in range(STEPS):
        loss = support_loss(model(task.support.x, params=OrderedDict(start | params)), task)
        params = update(model, loss, params=params, step_size=step_size, first_order=first_order)
    rates = step_size if isinstance(step_size, dict) else {}
    return answer(model(task.query.x, params=OrderedDict(start | params)), task, start, rates)


def maml(question: Question) -> Answer:
    return _adapted(question)


def fomaml(question: Question) -> Answer:
    return _adapted(question, first_order=True)


def anil(question: Question) -> Answer:
    return _adapted(question, moving=f"{len(question.network) - 1}.")


def meta_sgd(question: Question) -> Answer:
    return _adapted(question, step_size=leaves(question.rates))


ANSWERS = {"maml": maml, "fomaml": fomaml, "anil": anil, "meta-sgd": meta_sgd}
