"""Fashion-MNIST: 28x28 pictures of clothes, a file to be found or downloaded."""

from __future__ import annotations

from pathlib import Path

from tvbi_ref.datasets.dataset import Dataset
from tvbi_ref.datasets.pictures import load_pictures

MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
FOLDERS = (Path("/usr/share/datasets/fashion-mnist"),)
"""Where Debian's package dataset-fashion-mnist puts it, compressed anew."""
HASHES = {
    "train-images-idx3-ubyte": (
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
"""The MD5 are those that its authors publish."""


def load_fashion_mnist(*, download: bool = True) -> Dataset:
    """Load Fashion-MNIST: 60000 training and 10000 test pictures of clothes, in ten kinds.

    Looks for ``fashion_mnist/train-images-idx3-ubyte.gz`` (or without ``.gz``) and its three
    companions in ``$TVBI_DATA``, then in the cache, then where Debian's package
    dataset-fashion-mnist puts them, then downloads them.

    Parameters
    ----------
    download : bool
        Whether the network may be used; it is not where the files are at hand.

    Returns
    -------
    Dataset
        As of `load_mnist`. The labels: t-shirt, trouser, pullover, dress, coat, sandal, shirt,
        sneaker, bag, ankle boot.

    Raises
    ------
    DataUnavailableError, DataCorruptedError
        As of `load_mnist`.

    Notes
    -----
    Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms", arXiv 1708.07747 (2017). MIT licence.

    Examples
    --------
    >>> load_fashion_mnist()  # doctest: +SKIP
    Dataset('fashion_mnist': 60000 train, 10000 test; 784 features (28, 28); 10 classes)
    """
    return load_pictures("fashion_mnist", HASHES, MIRRORS, download=download, folders=FOLDERS)
