"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a new path beside `path` to write to; it takes `path`'s place when the block ends without an error.

    Otherwise `path` stays as it was. Raises OSError, which names `path`, where it can't be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise OSError(None, "is not a regular file", str(path))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        yield part
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
