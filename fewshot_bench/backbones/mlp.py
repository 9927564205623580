"""A perceptron with hidden layers: the network of the sinusoids of Finn et al. 2017, and a small one for images."""

from itertools import pairwise

from torch import nn

from fewshot_bench.basics.images import ImageShape


def mlp(image: ImageShape, ways: int, *, hidden: tuple[int, ...] = (40, 40)) -> nn.Module:
    """Inputs as one vector -> [linear -> ReLU] for each hidden layer -> linear.

    hidden: widths; two of 40 for sinusoids (Finn et al. 2017, section 5.1; cbfinn/maml, main.py).
    Initial weights are PyTorch's (cbfinn/maml: normal of standard deviation 0.01, biases 0).
    """
    widths = [image.channels * image.height * image.width, *hidden]
    layers = [layer for before, after in pairwise(widths) for layer in (nn.Linear(before, after), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], ways))
