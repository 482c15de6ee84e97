"""Where models run, and in which number format."""

import ctypes
import fcntl
import logging
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor

from glmtracks.errors import InputError

logger = logging.getLogger(__name__)

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt in glibc
FILLED = 0.8  # of a GPU's free memory that a forward pass may take
COMPARED = {"cpu": 512, "cuda": 4096}  # rows of the square matrices whose products compare two number formats
CLEARLY_FASTER = 1.3  # bfloat16 has to win by this much, so that a noisy measurement does not change the format

_CLAIMED: list[TextIO] = []  # locks of the GPUs of this process


def pick_device(name: str) -> torch.device:
    """The device called `auto`, `cpu` or `cuda`; auto takes a GPU if there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("scores.device is cuda, but PyTorch finds no CUDA GPU here; set it to auto or cpu")
    if name != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    keep_freed_memory()
    return torch.device("cpu")


@cache
def claim_device(name: str) -> torch.device:
    """As `pick_device`; where there are several GPUs, one that no other job on this machine has claimed.

    A claim is a lock that lasts as long as the process, which has one however many models it runs. Where all are
    taken, the GPU with the most free memory.
    """
    device = pick_device(name)
    if device.type == "cpu" or torch.cuda.device_count() == 1:
        return device
    for index in range(torch.cuda.device_count()):
        uuid = getattr(torch.cuda.get_device_properties(index), "uuid", index)
        if _lock(Path(tempfile.gettempdir(), f"glmtracks-gpu-{uuid}.lock")):
            return torch.device("cuda", index)
    free = [torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())]
    return torch.device("cuda", free.index(max(free)))


def _lock(path: Path) -> bool:
    """Lock a file until this process ends; whether no other process has."""
    try:
        lock = _opened(path)
    except PermissionError:  # another user's, who lets nobody read it
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _CLAIMED.append(lock)
    return True


def _opened(path: Path) -> TextIO:
    try:
        return open(path, "a")
    except PermissionError:  # another user's, which may be locked by whoever reads it
        return open(path)


def fitting_rows(one_row: Callable[[], object], device: torch.device, most: int) -> int:
    """How many rows of a forward pass fit into a GPU's free memory, a power of two up to `most`.

    `one_row` runs a pass of one row.
    """
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    one_row()
    taken = max(torch.cuda.max_memory_allocated(device) - before, 1)
    fitting = int(FILLED * torch.cuda.mem_get_info(device)[0] / taken)
    return min(1 << max(fitting, 1).bit_length() - 1, most)


def keep_freed_memory() -> None:
    """Have the C library keep the memory of freed tensors for the next ones.

    By default it hands large blocks back to the system, which clears them anew each time: a tenth of the time of a
    training step, and up to half of a large forward pass. Does nothing where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_THRESHOLD, 1 << 30)
    mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The number format called `float32`, `bfloat16` or `auto`: bfloat16 where it is clearly faster here."""
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    rates = matrix_product_rates(device, (torch.float32, torch.bfloat16), COMPARED[device.type], rounds=16)
    ratio = rates[torch.bfloat16] / rates[torch.float32]
    chosen = torch.bfloat16 if ratio >= CLEARLY_FASTER else torch.float32
    logger.info(
        f"bfloat16 matrix products are {ratio:.2g} × as fast as float32 on this {device.type}: using {str(chosen)[6:]}"
    )
    return chosen


def matrix_product_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Floating-point operations per second of a square matrix product."""
    return matrix_product_rates(device, (dtype,), size)[dtype]


def matrix_product_rates(
    device: torch.device, dtypes: tuple[torch.dtype, ...], size: int, rounds: int = 4
) -> dict[torch.dtype, float]:
    """The rate in each number format: the best of some rounds after a warm-up, in which the formats take turns.

    So a moment in which other programs had the processor is no format's alone. One that has taken a second in all, as
    those do that the processor has to imitate, is not asked again.
    """
    factors = {dtype: [torch.randn(size, size, device=device).to(dtype) for _ in range(2)] for dtype in dtypes}
    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in dtypes}
    for _ in range(1 + rounds):
        for dtype, (a, b) in factors.items():
            if sum(seconds[dtype]) < 1:
                seconds[dtype].append(_seconds_of_product(a, b))
    return {dtype: 2 * size**3 / min(found[1:] or found) for dtype, found in seconds.items()}


def _seconds_of_product(a: Tensor, b: Tensor) -> float:
    began = time.perf_counter()
    a @ b
    if a.is_cuda:
        torch.cuda.synchronize(a.device)
    return time.perf_counter() - began
