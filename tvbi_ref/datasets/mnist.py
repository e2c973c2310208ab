"""MNIST: 28x28 pictures of handwritten digits, a file to be found or downloaded."""

from __future__ import annotations

from tvbi_ref.datasets.dataset import Dataset
from tvbi_ref.datasets.pictures import load_pictures

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
HASHES = {
    "train-images-idx3-ubyte": (
        "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def load_mnist(*, download: bool = True) -> Dataset:
    """Load MNIST: 60000 training and 10000 test pictures of handwritten digits.

    Looks for ``mnist/train-images-idx3-ubyte.gz`` (or without ``.gz``) and its three
    companions in ``$TVBI_DATA``, then in the cache, then downloads them.

    Parameters
    ----------
    download : bool
        Whether the network may be used; it is not where the files are at hand.

    Returns
    -------
    Dataset
        x in [0, 1] (grey levels divided by 255), shape (n, 784), rows in the original
        order; y in 0..9. About 220 MB.

    Raises
    ------
    DataUnavailableError
        If a file is not at hand and cannot be downloaded; it names both ways out.
    DataCorruptedError
        If a file is not the one that it should be.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning
    applied to document recognition", Proceedings of the IEEE 86 (1998).

    Examples
    --------
    >>> load_mnist()  # doctest: +SKIP
    Dataset('mnist': 60000 train, 10000 test; 784 features (28, 28); 10 classes)
    """
    return load_pictures("mnist", HASHES, MIRRORS, download=download)
