"""The cores there are, and one LAPACK thread while many small matrices are factorised."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401  loads the LAPACK that JAX calls, so that its threads are counted
from threadpoolctl import threadpool_limits

_lapack_lock = threading.Lock()
_lapack_users = 0
_lapack_limit: threadpool_limits | None = None


def cores() -> int:
    """Cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@contextmanager
def one_lapack_thread() -> Iterator[None]:
    """One thread inside each Cholesky while any student is being trained, in whatever thread.

    More gain nothing on such small matrices, and stall each other tenfold where other work shares
    the cores.  The number of threads belongs to the process: the first one in lowers it, the last
    one out restores it.
    """
    global _lapack_users, _lapack_limit
    with _lapack_lock:
        _lapack_users += 1
        if _lapack_limit is None:
            _lapack_limit = threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        with _lapack_lock:
            _lapack_users -= 1
            if _lapack_users == 0 and _lapack_limit is not None:
                _lapack_limit.restore_original_limits()
                _lapack_limit = None
