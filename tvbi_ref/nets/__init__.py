"""Networks from scratch: layers with a weight posterior and manual backprop.

Read `local_reparam` (the formulas), `layers`, `losses`, `optimizers`, `network`, `architectures`,
`training`. Nothing here knows of priors.
"""

from tvbi_ref.nets.architectures import lenet_300_100, mlp
from tvbi_ref.nets.layers import Dense, Layer, LeakyReLU, ReLU
from tvbi_ref.nets.local_reparam import (
    local_reparam_conv,
    local_reparam_conv_backward,
    local_reparam_dense,
    local_reparam_dense_backward,
)
from tvbi_ref.nets.losses import (
    GaussianLikelihood,
    Loss,
    SoftmaxCrossEntropy,
    gaussian_nll,
    softmax_cross_entropy,
    update_noise_precision,
)
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
    "gaussian_nll",
    "lenet_300_100",
    "local_reparam_conv",
    "local_reparam_conv_backward",
    "local_reparam_dense",
    "local_reparam_dense_backward",
    "minibatches",
    "mlp",
    "softmax_cross_entropy",
    "train",
    "update_noise_precision",
]
