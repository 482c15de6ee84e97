"""Which GPU a job takes where there are several; PyTorch is told of GPUs that are not there."""

import builtins
import fcntl
from types import SimpleNamespace

import pytest
import torch

from glmtracks.scoring import devices


@pytest.fixture
def lock_of(tmp_path, monkeypatch):
    """Two GPUs, of which number 1 has more free memory, and the path of the lock of each."""
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(devices, "_CLAIMED", [])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=index))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (index, 1))
    yield [tmp_path / f"glmtracks-gpu-{index}.lock" for index in range(2)]
    for lock in devices._CLAIMED:
        lock.close()


@pytest.fixture
def forbid(monkeypatch):
    """A function that lets files be opened in none of the given modes, as those of another user are."""

    def make(*modes: str) -> None:
        def refusing(path, mode="r", **options):
            if mode in modes:
                raise PermissionError(path)
            return builtins.open(path, mode, **options)

        monkeypatch.setattr(devices, "open", refusing, raising=False)

    return make


def claim() -> torch.device:
    return devices.claim_device.__wrapped__("auto")  # without what this process claimed before


def test_jobs_take_one_gpu_each_and_then_that_with_the_most_free_memory(lock_of):
    assert [claim().index for _ in range(3)] == [0, 1, 1]


def test_of_another_users_lock_reading_is_enough(lock_of, forbid):
    for path in lock_of:
        path.touch()
    forbid("a")
    with lock_of[0].open() as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        assert claim().index == 1
    assert claim().index == 0


def test_a_gpu_whose_lock_is_hidden_counts_as_claimed(lock_of, forbid):
    forbid("a", "r")
    assert claim().index == 1
