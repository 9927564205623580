"""A perceptron with hidden layers: the network of the sinusoids of Finn et al. 2017, and a small one for images."""

from itertools import pairwise

from torch import nn

from fewshot_bench.basics.images import ImageShape


def mlp(image: ImageShape, ways: int, *, hidden: tuple[int, ...] = (40, 40), init_std: float = 0.0) -> nn.Module:
    """Inputs as one vector -> [linear -> ReLU] for each hidden layer -> linear.

    hidden: widths; two of 40 for sinusoids (Finn et al. 2017, section 5.1; cbfinn/maml, main.py).
    init_std: initial weights are normal with this standard deviation, cut at two of them, and biases are 0; 0.01 in
    cbfinn/maml (maml.py, construct_fc_weights). 0: PyTorch's initial weights.
    """
    widths = [image.channels * image.height * image.width, *hidden]
    layers = [layer for before, after in pairwise(widths) for layer in (nn.Linear(before, after), nn.ReLU())]
    network = nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], ways))
    if init_std:
        for layer in network:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=init_std, a=-2 * init_std, b=2 * init_std)
                nn.init.zeros_(layer.bias)
    return network
