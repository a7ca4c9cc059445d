"""Where a batch of students is trained: a thread a core on one CPU, else a share on each device.

The trial axis is the one that is divided: students know nothing of each other, so that devices
never wait for one another.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float

from prunelaw_sim.common.threads import cores
from prunelaw_sim.students.one_student import Trained

Student = Callable[[Array, Array], Trained]


def map_students(
    student: Student, rows: Float[np.ndarray, "batch N K"], mask: Bool[np.ndarray, "batch K"]
) -> tuple[np.ndarray, ...]:
    """`student(rows, mask)` of every matrix of the batch, stacked; in float64.

    On one CPU each core takes the next student, and each student stops by itself.  Several devices
    (`jax.local_devices()`) take equal shares of the batch, the last matrix repeated to make them.
    """
    devices = jax.local_devices()
    if len(devices) == 1 and devices[0].platform == "cpu":
        return _on_threads(student, rows, mask)
    missing = -len(rows) % len(devices)
    shares = [np.concatenate([part, part[-1:].repeat(missing, axis=0)]) for part in (rows, mask)]
    with jax.enable_x64(True):
        trained = _sharded(student, len(devices))(*shares)
    return tuple(np.asarray(part)[: len(rows)] for part in trained)


def _on_threads(student: Student, rows: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, ...]:
    program = _compiled(student, rows.shape[1:])

    def train_one(index: int) -> Trained:
        with jax.enable_x64(True):  # the precision is a thread's own setting
            return jax.block_until_ready(program(rows[index], mask[index]))

    with ThreadPoolExecutor(cores()) as pool:
        trained = list(pool.map(train_one, range(len(rows))))
    return jax.tree.map(lambda *parts: np.stack(parts), *trained)


@cache
def _compiled(student: Student, shape: tuple[int, int]) -> Callable[..., Trained]:
    """The program for one matrix of this shape, compiled before any thread runs it.

    One program and no operation outside it: what Python does holds up the other thread.
    """
    with jax.enable_x64(True):
        rows = jax.ShapeDtypeStruct(shape, jnp.float64)
        mask = jax.ShapeDtypeStruct(shape[1:], jnp.bool_)
        return jax.jit(student).lower(rows, mask).compile()


@cache
def _sharded(student: Student, devices: int) -> Callable[..., Trained]:
    """A program that trains an equal share of a batch on each device.

    An accelerator trains its share together.  A CPU takes one student after the other: batched
    LAPACK calls of several host devices wait for each other's threads.
    """
    mesh = Mesh(np.array(jax.local_devices()[:devices]), ("trials",))
    spec = PartitionSpec("trials")

    def train_share(rows: Array, mask: Array) -> Any:
        if jax.default_backend() == "cpu":
            return jax.lax.map(lambda one: student(*one), (rows, mask))
        return jax.vmap(student)(rows, mask)

    # No value of a share depends on another one: there is nothing to check across devices.
    share = jax.shard_map(
        train_share, mesh=mesh, in_specs=(spec, spec), out_specs=spec, check_vma=False
    )
    return jax.jit(share)
