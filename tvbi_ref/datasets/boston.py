"""Boston housing of 1978, contested; a file to be found or downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.datasets.dataset import Dataset, split
from tvbi_ref.datasets.files import locate, require, require_digest
from tvbi_ref.errors import DataCorruptedError

URLS = ("https://raw.githubusercontent.com/selva86/datasets/master/BostonHousing.csv",)
HEADER = "crim,zn,indus,chas,nox,rm,age,dis,rad,tax,ptratio,b,lstat,medv"
ROWS = 506
# Of the numbers: copies differ in the blank lines at their end.
DIGEST = "832e894115c56dd24ec63848d4a3d9bd921d268d0be1bee2a8f4ee5ea318f5f7"


def load_boston(*, test_fraction: float = 0.1, seed: int = 0, download: bool = True) -> Dataset:
    """Load the Boston housing data of 1978: 506 census tracts, 13 features, one target.

    Looks for ``boston.csv`` in ``$TVBI_DATA``, then in the cache, then downloads it.

    This data set is contested. Its feature "b" is 1000 (B - 0.63)^2, with B the proportion
    of Black residents of a town: it builds in the assumption that racial self-segregation
    raises house prices, and it cannot be inverted to B, nor can that assumption be tested
    with it (M. Carlisle, "Racist data destruction?", 2019). scikit-learn removed it in
    version 1.2 for this reason. It is here only because the small-regression benchmark of
    the literature contains it, so that published numbers can be compared with. Conclude
    nothing about houses or people from it, and take another data set for anything new.

    Parameters
    ----------
    test_fraction : float in (0, 1)
        The part of the rows that is for testing; the literature's random splits have 0.1.
    seed : int
        Which rows those are.
    download : bool
        Whether the network may be used; it is not where the file is at hand.

    Returns
    -------
    Dataset
        x (n, 13) in the units of the file, to be used through `Dataset.standardised`;
        y (n, 1), the median value of owner-occupied homes in 1000 US dollars.

    Raises
    ------
    DataUnavailableError
        If the file is not at hand and cannot be downloaded; it names both ways out.
    DataCorruptedError
        If the file is not the one that it should be.
    ValueError
        If `test_fraction` is out of range.

    Notes
    -----
    Sources: D. Harrison and D. L. Rubinfeld, "Hedonic housing prices and the demand for
    clean air", Journal of Environmental Economics and Management 5 (1978); the random
    90/10 splits: J. M. Hernández-Lobato and R. P. Adams, "Probabilistic backpropagation
    for scalable learning of Bayesian neural networks", ICML 2015.

    Examples
    --------
    >>> load_boston()  # doctest: +SKIP
    Dataset('boston': 455 train, 51 test; 13 features; 1 target)
    """
    table = _parse(locate("boston.csv", URLS, None, download=download))
    train, test = split(len(table), test_fraction, seed, labels=None, name="test_fraction")
    x, y = table[:, :-1], table[:, -1:]
    return Dataset(x[train], y[train], x[test], y[test], "boston")


def _parse(path: Path) -> NDArray[np.float64]:
    # Undecodable bytes are replaced, so that a wrong file fails at its header, not in a codec.
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    header, *rows = [line for line in lines if line.strip()] or [""]
    found = header.replace('"', "")
    require(found == HEADER, path, f"the header {HEADER}", repr(header[:80]))
    require(len(rows) == ROWS, path, f"{ROWS} rows", len(rows))
    try:
        table = np.loadtxt(rows, delimiter=",", quotechar='"', comments=None)
    except ValueError as error:
        raise DataCorruptedError(f"{path}: not a table of numbers: {error}") from error
    require_digest(table.astype("<f8").tobytes(), DIGEST, path, "the numbers")
    return table
