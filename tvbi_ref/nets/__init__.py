"""Networks from scratch: layers with a weight posterior and manual backprop.

Read `layers` (the formulas), `losses`, `optimizers`, `network`, `architectures`,
`training`. Nothing here knows of priors.
"""

from tvbi_ref.nets.architectures import lenet_300_100, mlp
from tvbi_ref.nets.layers import Dense, Layer, LeakyReLU, ReLU
from tvbi_ref.nets.losses import GaussianLikelihood, Loss, SoftmaxCrossEntropy
from tvbi_ref.nets.network import Network, minibatches
from tvbi_ref.nets.optimizers import SGD, Adam, Optimizer
from tvbi_ref.nets.parameters import Parameter
from tvbi_ref.nets.training import train

__all__ = [
    "SGD",
    "Adam",
    "Dense",
    "GaussianLikelihood",
    "Layer",
    "LeakyReLU",
    "Loss",
    "Network",
    "Optimizer",
    "Parameter",
    "ReLU",
    "SoftmaxCrossEntropy",
    "lenet_300_100",
    "minibatches",
    "mlp",
    "train",
]
