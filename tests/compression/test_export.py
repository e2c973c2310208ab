"""Exports: what other programs compute from them is what the network predicts."""

import sys

import numpy as np
import pytest
import scipy.signal
import scipy.sparse

from tvbi_ref import compress, nets
from tvbi_ref.compression import export, to_numpy, to_onnx, to_scipy


def pruned(net, density=0.3):
    rng = np.random.default_rng(0)
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < density)
        layer.bias.value[...] = rng.normal(size=layer.bias.value.shape)
    return net


def cnn(*blocks, **settings):
    return pruned(nets.cnn((2, 8, 8), blocks, [6, 3], seed=0, **settings))


def leaking(net, leak):
    net.layers[1::2] = [nets.LeakyReLU(leak) for _ in net.layers[1::2]]
    return net


NETWORKS = {
    "relu": lambda: pruned(nets.mlp([12, 9, 8, 4], seed=0), 0.2),
    "leaky relu": lambda: leaking(pruned(nets.mlp([12, 9, 8, 4], seed=0)), 0.2),
    "tanh": lambda: pruned(nets.mlp([12, 9, 4], seed=0, activation="tanh")),
    "float64": lambda: pruned(nets.mlp([12, 9, 4], seed=0, dtype=np.float64)),
    "regression": lambda: pruned(nets.mlp([12, 9, 2], seed=0, likelihood="gaussian")),
    "nothing pruned": lambda: nets.mlp([5, 4, 3], seed=0),
    "constant": lambda: pruned(nets.mlp([5, 4, 3], seed=0), 0.0),
    "one layer": lambda: pruned(nets.mlp([5, 3], seed=0)),
    "convolutions": lambda: cnn((4, 3, 1, 1, 2), (5, 3)),
    "filters, averages": lambda: cnn((4, 3, 1, 1, 2), (5, 3), layout="filters", pool="average"),
    "strides": lambda: cnn((4, 2, 2, 1), (3, 3, 2, 1), activation="tanh"),
    "odd sides": lambda: cnn((4, 2, 1, 0, 2), (5, 2)),
    "lenet5": lambda: pruned(nets.lenet5(seed=0), 0.05),
}


def inputs_of(net, n=6):
    shape = net.input_shape or net.widths[:1]
    return np.random.default_rng(1).normal(size=(n, *shape)).astype(np.float32)


# SciPy and NumPy


@pytest.mark.parametrize("format", ["csr", "csc"])
def test_the_sparse_arrays_of_a_dense_network_are_its_forward_pass(format):
    net = NETWORKS["relu"]()
    small, x = compress(net), inputs_of(net)
    layers = to_scipy(small, format)
    z = x[:, small.inputs]
    for k, (weights, bias) in enumerate(layers):
        assert isinstance(weights, scipy.sparse.sparray)
        assert weights.format == format
        z = (np.maximum(z, 0) if k else z) @ weights + bias
    np.testing.assert_allclose(z, net.predict(x), rtol=1e-5, atol=1e-5)
    assert sum(weights.nnz for weights, _ in layers) == small.n_weights


def test_of_a_convolution_the_sparse_array_is_the_matrix_of_its_kernels():
    small = compress(NETWORKS["convolutions"]())
    for (weights, bias), layer in zip(to_scipy(small), small.weight_layers, strict=True):
        np.testing.assert_array_equal(weights.toarray(), layer.weights.to_dense())
        np.testing.assert_array_equal(bias, layer.bias)


def test_the_plain_arrays_are_the_forward_pass_of_a_dense_network():
    net = NETWORKS["tanh"]()
    arrays, x = to_numpy(compress(net)), inputs_of(net)
    z = x[:, arrays["inputs"]] @ arrays["weights_0"] + arrays["bias_0"]
    z = np.tanh(z) @ arrays["weights_1"] + arrays["bias_1"]
    np.testing.assert_allclose(z, net.predict(x), rtol=1e-5, atol=1e-5)


def test_the_plain_arrays_are_the_forward_pass_of_a_convolution():
    """By SciPy's correlation, image by image and channel by channel."""
    net = cnn((3, 3), dtype=np.float64)
    arrays, x = to_numpy(compress(net)), inputs_of(net)
    kernels, images = arrays["weights_0"], x[:, arrays["inputs"]]
    z = np.array(
        [
            [
                sum(map(lambda a, w: scipy.signal.correlate2d(a, w, "valid"), image, kernel))
                for kernel in kernels
            ]
            for image in images
        ]
    )
    z = np.maximum(z + arrays["bias_0"][:, None, None], 0).reshape(len(x), -1)
    z = np.maximum(z @ arrays["weights_1"] + arrays["bias_1"], 0)
    z = z @ arrays["weights_2"] + arrays["bias_2"]
    np.testing.assert_allclose(z, net.predict(x), rtol=1e-10)


def test_the_plain_arrays_are_copies_that_np_savez_takes(tmp_path):
    small = compress(NETWORKS["convolutions"]())
    arrays = to_numpy(small)
    np.savez(tmp_path / "plain.npz", **arrays)
    for array in arrays.values():
        array[...] = 0
    with np.load(tmp_path / "plain.npz", allow_pickle=False) as file:
        assert sorted(file.files) == sorted(to_numpy(small))
        for name, array in to_numpy(small).items():
            np.testing.assert_array_equal(file[name], array)
            assert array.any()


# ONNX


def onnx_array(tensor):
    return pytest.importorskip("onnx").numpy_helper.to_array(tensor)


def run_onnx(model, x):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (name,) = (put.name for put in session.get_inputs())
    (output,) = session.run(None, {name: x})
    return output


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_predicts_what_the_network_predicts(name, sparse):
    pytest.importorskip("onnx")
    net = NETWORKS[name]()
    small, x = compress(net), inputs_of(net)
    model = to_onnx(small, sparse=sparse)
    output = run_onnx(model, x)
    assert output.shape == (6, net.widths[-1])
    np.testing.assert_allclose(output, net.predict(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run_onnx(model, x[:1]), output[:1], rtol=1e-5, atol=1e-6)


def test_an_onnx_file_of_few_weights_holds_no_zeros():
    pytest.importorskip("onnx")
    small = compress(NETWORKS["lenet5"]())
    model, dense = to_onnx(small), to_onnx(small, sparse=False)
    stored = {entry.name: onnx_array(entry) for entry in model.graph.initializer}
    for k, layer in enumerate(small.layers):
        if f"weights_{k}_values" in stored:
            weights = np.zeros(stored[f"weights_{k}_shape"], np.float32)
            weights.flat[stored[f"weights_{k}_places"]] = stored[f"weights_{k}_values"]
            np.testing.assert_array_equal(weights, layer.dense_weights())
            assert stored[f"weights_{k}_values"].all()
    assert sum("values" in name for name in stored) >= 3
    assert model.ByteSize() < 0.5 * dense.ByteSize()


def test_an_onnx_file_of_many_weights_holds_them_as_they_are():
    pytest.importorskip("onnx")
    small = compress(NETWORKS["nothing pruned"]())
    assert to_onnx(small) == to_onnx(small, sparse=False)


@pytest.mark.parametrize("name", ["relu", "convolutions"])
def test_the_reference_of_onnx_reads_it(name):
    reference = pytest.importorskip("onnx.reference")
    net = NETWORKS[name]()
    model, x = to_onnx(compress(net)), inputs_of(net)
    assert "ScatterElements" in {node.op_type for node in model.graph.node}
    (output,) = reference.ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(output, net.predict(x), rtol=1e-4, atol=1e-5)


def test_a_network_of_convolutions_alone_takes_images_of_any_size_in_onnx():
    pytest.importorskip("onnx")
    layers = [nets.Conv2D(2, 3, 3, np.random.default_rng(0)), nets.ReLU(), nets.Flatten()]
    net = pruned(nets.Network(layers, nets.SoftmaxCrossEntropy()))
    model = to_onnx(compress(net))
    for shape in ((4, 2, 5, 5), (1, 2, 3, 7)):
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(run_onnx(model, x), net.predict(x), rtol=1e-4, atol=1e-5)


def test_the_onnx_model_says_what_it_is_made_of(tmp_path):
    onnx = pytest.importorskip("onnx")
    small = compress(NETWORKS["convolutions"]())
    model = to_onnx(small, sparse=False)
    onnx.save(model, tmp_path / "net.onnx")
    again = onnx.load(tmp_path / "net.onnx")
    assert [entry.version for entry in again.opset_import] == [export.OPSET]
    assert again.ir_version == export.IR_VERSION
    kinds = ["Conv", "Relu", "MaxPool", "Conv", "Relu", "Flatten", "Gemm", "Relu", "Gemm"]
    assert [node.op_type for node in again.graph.node] == kinds
    stored = {entry.name: tuple(entry.dims) for entry in again.graph.initializer}
    expected = {
        f"weights_{k}": layer.dense_weights().shape
        for k, layer in enumerate(small.layers)
        if hasattr(layer, "weights")
    }
    assert {name: dims for name, dims in stored.items() if "weights" in name} == expected


def test_without_the_package_onnx_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"onnx, .* pip install -e '.\[onnx\]'"):
        to_onnx(compress(NETWORKS["one layer"]()))


# Bad input


@pytest.mark.parametrize("convert", [to_scipy, to_numpy, to_onnx])
def test_what_is_no_compressed_network_is_refused(convert):
    with pytest.raises(TypeError, match="network must be a CompressedNetwork; got Network"):
        convert(nets.mlp([3, 2], seed=0))


def test_an_unknown_sparse_format_is_refused():
    with pytest.raises(ValueError, match="format must be one of 'csr', 'csc'; got 'coo'"):
        to_scipy(compress(nets.mlp([3, 2], seed=0)), "coo")
