"""Networks from scratch: layers with a weight posterior and manual backprop.

Read `local_reparam` (the formulas), `layers`, `convolution`, `pooling`, `losses`, `optimizers`,
`network`, `architectures`, `training`. Nothing here knows of priors.
"""

from tvbi_ref.nets.architectures import (
    Block,
    cnn,
    lenet5,
    lenet5_caffe,
    lenet_300_100,
    mlp,
    small_alexnet,
)
from tvbi_ref.nets.convolution import Conv2D
from tvbi_ref.nets.kernel_matrix import edges_within_kernels, to_kernel, to_matrix
from tvbi_ref.nets.layers import Dense, Layer, WeightLayer
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
from tvbi_ref.nets.optimizers import SGD, Adam, Optimizer, ResumableOptimizer
from tvbi_ref.nets.parameters import Parameter
from tvbi_ref.nets.plain import Flatten, LeakyReLU, ReLU, Tanh
from tvbi_ref.nets.pooling import AveragePool, MaxPool
from tvbi_ref.nets.state_dict import set_state_dict, to_state_dict
from tvbi_ref.nets.training import train

__all__ = [
    "SGD",
    "Adam",
    "AveragePool",
    "Block",
    "Conv2D",
    "Dense",
    "Flatten",
    "GaussianLikelihood",
    "Layer",
    "LeakyReLU",
    "Loss",
    "MaxPool",
    "Network",
    "Optimizer",
    "Parameter",
    "ReLU",
    "ResumableOptimizer",
    "SoftmaxCrossEntropy",
    "Tanh",
    "WeightLayer",
    "cnn",
    "edges_within_kernels",
    "gaussian_nll",
    "lenet5",
    "lenet5_caffe",
    "lenet_300_100",
    "local_reparam_conv",
    "local_reparam_conv_backward",
    "local_reparam_dense",
    "local_reparam_dense_backward",
    "minibatches",
    "mlp",
    "set_state_dict",
    "small_alexnet",
    "softmax_cross_entropy",
    "to_kernel",
    "to_matrix",
    "to_state_dict",
    "train",
    "update_noise_precision",
]
