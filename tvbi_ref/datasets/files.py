"""Where a file is: in $TVBI_DATA, in the cache, or still to be downloaded; and is it the one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from tvbi_ref.errors import DataCorruptedError, DataUnavailableError


def at_hand(path: str, folders: Sequence[Path] = ()) -> Path | None:
    """Return where a file is on this computer, if it is.

    Parameters
    ----------
    path, folders
        As of `locate`.

    Examples
    --------
    >>> at_hand("nowhere.csv")
    """
    import pooch

    user, cache = os.environ.get("TVBI_DATA"), Path(pooch.os_cache("tvbi_ref"))
    roots = [Path(user).expanduser(), cache] if user else [cache]
    places = [*(root / path for root in roots), *(folder / Path(path).name for folder in folders)]
    both = [p for place in places for p in (place, place.parent / place.name.removesuffix(".gz"))]
    return next(filter(Path.is_file, both), None)


def locate(
    path: str,
    urls: Sequence[str],
    known_hash: str | None,
    *,
    download: bool,
    folders: Sequence[Path] = (),
) -> Path:
    """Return where a file is, downloading it if that is needed and allowed.

    Parameters
    ----------
    path : str
        Below $TVBI_DATA, and below the cache; what ends in .gz may lie there unpacked, too.
    urls : sequence of str
        Mirrors, tried in this order.
    known_hash : str or None
        Of the bytes that the mirrors serve, as pooch writes it: "sha256:...".
    download : bool
    folders : sequence of Path
        Where a system keeps the file itself; looked into after the cache.

    Raises
    ------
    DataUnavailableError
        If it is nowhere.

    Examples
    --------
    >>> locate("nowhere.csv", [], None, download=False)
    Traceback (most recent call last):
    tvbi_ref.errors.DataUnavailableError: nowhere.csv is not on this computer ...
    """
    import pooch

    if found := at_hand(path, folders):
        return found
    user, reason = os.environ.get("TVBI_DATA"), None
    target = Path(pooch.os_cache("tvbi_ref")) / path
    for url in urls if download else ():
        try:
            return Path(pooch.retrieve(url, known_hash, fname=target.name, path=target.parent))
        # No network is an OSError (those of requests are), a wrong checksum a ValueError.
        except (OSError, ValueError) as error:
            reason = error
    elsewhere = "".join(f", have it in {folder}" for folder in folders)
    raise DataUnavailableError(
        f"{path} is not on this computer and was not downloaded"
        f" ({type(reason).__name__ if reason else 'download=False'}). Either set $TVBI_DATA"
        f" ({f'now {user!r}' if user else 'not set now'}) to a folder that holds {path}{elsewhere},"
        f" or connect to the network and let it download to {target} (from {' or '.join(urls)})"
    ) from reason


def require(holds: bool, path: Path, expected: str, found: object) -> None:
    """Refuse a file unless something holds of it.

    Examples
    --------
    >>> require(False, Path("boston.csv"), "506 rows", 7)
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: boston.csv: must have 506 rows; got 7
    """
    if not holds:
        raise DataCorruptedError(f"{path}: must have {expected}; got {found}")


def require_digest(content: bytes | bytearray, expected: str, path: Path, what: str) -> None:
    """Refuse a file of which a part has not the SHA-256 it should have.

    Examples
    --------
    >>> require_digest(b"", "00", Path("boston.csv"), "the numbers")
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: boston.csv: the SHA-256 of the numbers must be 00; got e3...
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DataCorruptedError(
            f"{path}: the SHA-256 of {what} must be {expected}; got {found}."
            " Delete the file to have it downloaded again"
        )
