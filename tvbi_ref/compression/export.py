"""Compressed networks for other programs: scipy.sparse, plain NumPy arrays, ONNX."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray, as_choice
from tvbi_ref.compression.layers import SparseConv, SparseLayer
from tvbi_ref.compression.network import CompressedNetwork, as_compressed
from tvbi_ref.compression.steps import describe_step

OPSET = 17
"""Of the ONNX operators: what ONNX 1.12 and onnxruntime 1.12, of 2022, and all newer know."""

IR_VERSION = 8
"""Of the ONNX file, for the same programs."""

SPARSE = 0.4
"""The density below which values and places are smaller: 4 bytes for one, 1 to 3 for the other."""

OPERATORS = {
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "tanh": "Tanh",
    "max_pool": "MaxPool",
    "average_pool": "AveragePool",
    "flatten": "Flatten",
}
"""ONNX's name of every layer without weights."""


def to_scipy(
    network: CompressedNetwork, format: str = "csr"
) -> list[tuple[scipy.sparse.sparray, FloatArray]]:
    """Return weights and bias of every weight layer, the weights as a sparse array of SciPy.

    Activations and poolings between the layers are the caller's: ``network.layers`` has them.

    Parameters
    ----------
    network : CompressedNetwork
    format : {"csr", "csc"}

    Returns
    -------
    list of (sparse array (I, J), ndarray (J,))
        The first reads the inputs ``network.inputs`` only. Of a convolution it is the matrix of
        its kernels, see `tvbi_ref.nets.kernel_matrix`.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> small, x = compress(nets.mlp([4, 2], seed=0)), np.ones((1, 4), np.float32)
    >>> ((W, b),) = to_scipy(small)
    >>> bool(np.allclose(x[:, small.inputs] @ W + b, small.predict(x)))
    True
    """
    kinds = {"csr": scipy.sparse.csr_array, "csc": scipy.sparse.csc_array}
    kind = kinds[as_choice(format, "format", kinds)]
    layers = as_compressed(network).weight_layers
    return [(kind(layer.weights.to_dense()), layer.bias.copy()) for layer in layers]


def to_numpy(network: CompressedNetwork) -> dict[str, NDArray[Any]]:
    """Return the weights as plain arrays, zeros and all.

    Activations and poolings between the layers are the caller's: ``network.layers`` has them.

    Parameters
    ----------
    network : CompressedNetwork

    Returns
    -------
    dict of ndarray
        "inputs", the numbers of the features or channels that are read; "weights_0", (I, J) of a
        dense layer, (F, C, kh, kw) of a convolution, "bias_0", (J,), and so on.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> arrays = to_numpy(compress(nets.mlp([4, 3, 2], seed=0)))
    >>> list(arrays)
    ['inputs', 'weights_0', 'bias_0', 'weights_1', 'bias_1']
    """
    arrays: dict[str, NDArray[Any]] = {"inputs": as_compressed(network).inputs}
    for k, layer in enumerate(network.weight_layers):
        arrays[f"weights_{k}"] = np.ascontiguousarray(layer.dense_weights())
        arrays[f"bias_{k}"] = layer.bias.copy()
    return arrays


def to_onnx(network: CompressedNetwork, *, sparse: bool = True) -> Any:
    """Return the network as an ONNX model, which ``onnx.save(model, path)`` writes.

    Its input "x" is what `CompressedNetwork.predict` takes, (n, n_inputs) or images
    (n, C, H, W), and its output "output" what that returns. Weights are float32. ONNX knows no
    sparse products, and its checker refuses sparse initializers as weights: a file of few weights
    holds values and places, and three nodes that put them among zeros, which a runtime does once.

    Parameters
    ----------
    network : CompressedNetwork
    sparse : bool
        Whether weights are stored so where that is smaller. False: for programs that take
        weights for weights only as plain initializers; small by its dead units only.

    Returns
    -------
    onnx.ModelProto
        Checked. The operators are those of opset 17.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> model = to_onnx(compress(nets.mlp([4, 2], seed=0)))  # doctest: +SKIP
    >>> [node.op_type for node in model.graph.node]  # doctest: +SKIP
    ['Gemm']
    """
    network = as_compressed(network)
    onnx = _import_onnx()
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = _Graph(network, onnx, sparse)
    sides = ["n", *network.input_sides]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "tvbi_ref compressed network",
            [helper.make_tensor_value_info("x", kind, sides)],
            [helper.make_tensor_value_info("output", kind, ["n", network.widths[-1]])],
            graph.weights,
        ),
        producer_name="tvbi_ref",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _import_onnx() -> Any:
    try:
        return importlib.import_module("onnx")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to_onnx needs the package onnx, which is not installed: pip install onnx, or in a "
            "clone of the project pip install -e '.[onnx]'"
        ) from error


class _Graph:
    """The nodes of an ONNX graph, one after the other, and the arrays that they hold."""

    def __init__(self, network: CompressedNetwork, onnx: Any, sparse: bool) -> None:
        self.onnx, self.sparse = onnx, sparse
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.last = "x"
        if not network.kept_inputs.all():
            self.add("Gather", [self.store_numbers("inputs", network.inputs)], axis=1)
        for k, layer in enumerate(network.layers):
            self.add_layer(layer, k)
        self.nodes[-1].output[0] = "output"

    def store(self, name: str, array: NDArray[Any]) -> str:
        """Put an array into the graph and return its name."""
        self.weights.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def store_numbers(self, name: str, numbers: Any) -> str:
        """Put whole numbers into the graph: as a list, small ones take protobuf a byte or two."""
        kind = self.onnx.TensorProto.INT64
        self.weights.append(self.onnx.helper.make_tensor(name, kind, [len(numbers)], numbers))
        return name

    def store_sparse(self, name: str, array: NDArray[Any]) -> str:
        """Put the entries that are not zero into the graph, and what puts them in their places."""
        node, places = self.onnx.helper.make_node, np.flatnonzero(array)
        size = self.store_numbers(f"{name}_size", [array.size])
        where = self.store_numbers(f"{name}_places", places)
        shape = self.store_numbers(f"{name}_shape", array.shape)
        values = self.store(f"{name}_values", array.ravel()[places])
        zeros, flat = f"{name}_zeros", f"{name}_flat"
        self.nodes += [
            node("ConstantOfShape", [size], [zeros]),
            node("ScatterElements", [zeros, where, values], [flat]),
            node("Reshape", [flat, shape], [name]),
        ]
        return name

    def add(self, operator: str, more_inputs: list[str], **attributes: Any) -> None:
        """Add a node that reads the last one's output."""
        output = f"{operator.lower()}_{len(self.nodes)}"
        inputs = [self.last, *more_inputs]
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], **attributes))
        self.last = output

    def add_layer(self, layer: Any, k: int) -> None:
        """Add the node of a layer."""
        if isinstance(layer, SparseLayer):
            self.add_weights(layer, k)
            return
        about = describe_step(layer)
        attributes = {"alpha": about["leak"]} if "leak" in about else {}
        if "size" in about:
            attributes = dict.fromkeys(("kernel_shape", "strides"), 2 * [about["size"]])
        self.add(OPERATORS[about["kind"]], [], **attributes)

    def add_weights(self, layer: SparseLayer, k: int) -> None:
        """Add the node of a layer with weights."""
        weights = layer.dense_weights().astype(np.float32)
        sparse = self.sparse and np.count_nonzero(weights) < SPARSE * weights.size
        store = self.store_sparse if sparse else self.store
        names = [store(f"weights_{k}", weights)]
        names += [self.store(f"bias_{k}", layer.bias.astype(np.float32))]
        if isinstance(layer, SparseConv):
            geometry = {"pads": 4 * [layer.padding], "strides": 2 * [layer.stride]}
            self.add("Conv", names, kernel_shape=list(layer.shape[2:]), **geometry)
        else:
            self.add("Gemm", names)
