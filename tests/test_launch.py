"""What torchrun tells its processes, and how the cores of a machine are shared between them."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from seq2seq.device import choose_device, nvidia_driver, physical_cores, share_of_cores, unused_gpu
from seq2seq.errors import UserError
from seq2seq.launch import Launch, launched, refuse_several

TOLD = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "TORCHELASTIC_MAX_RESTARTS": "3",
}


def test_what_torchrun_tells_is_read():
    found = launched(TOLD)
    assert found == Launch(5, 8, 1, 4, restarts=2, max_restarts=3, address="10.0.0.1")
    assert found.is_several
    assert found.is_spread


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_some_of_the_variables_alone_are_not_torchruns(missing):
    alone = launched({name: value for name, value in TOLD.items() if name != missing})
    assert alone == Launch()
    assert not alone.is_several
    assert not alone.is_spread


def test_processes_of_one_machine_are_not_spread():
    assert not launched({**TOLD, "LOCAL_WORLD_SIZE": "8"}).is_spread


def test_a_variable_that_is_no_number_is_named():
    with pytest.raises(UserError, match="WORLD_SIZE is 'two', and not a number"):
        launched({**TOLD, "WORLD_SIZE": "two"})


def test_only_several_processes_are_refused():
    refuse_several("prepare", Launch())
    with pytest.raises(UserError, match="started 'seq2seq prepare' 8 times"):
        refuse_several("prepare", launched(TOLD))


@pytest.mark.parametrize(
    ("threads", "processes", "wanted"),
    [(8, 2, 4), (8, 3, 2), (1, 4, 1), (3, 1, 3)],
)
@pytest.mark.parametrize("torchruns", ["", "1"])
def test_cores_are_shared(monkeypatch, threads, processes, wanted, torchruns):
    monkeypatch.setenv("OMP_NUM_THREADS", torchruns)
    assert share_of_cores(threads, processes) == wanted


def test_all_cores_are_shared_where_no_number_is_given(monkeypatch):
    monkeypatch.setattr("seq2seq.device.physical_cores", lambda: 12)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # torchrun's, where nobody has set it
    assert share_of_cores(0, 4) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")  # someone's
    assert share_of_cores(0, 4) == 5
    assert share_of_cores(8, 4) == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert share_of_cores(0, 24) == 1


def test_two_threads_of_a_core_count_once(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 7}, raising=False)
    for number, siblings in {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}.items():
        place = tmp_path / f"cpu{number}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(siblings + "\n")
    assert physical_cores(tmp_path) == 3  # of 7 nothing is known: a core
    assert physical_cores(tmp_path / "nowhere") == 5


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UserError, match="torch finds none"):
            choose_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="GPU 2 is asked for, and torch finds 2 here") as caught:
        choose_device("cuda:2")
    assert "--nproc-per-node 2" in caught.value.hint


def test_a_torch_that_knows_no_gpus_is_told_from_a_machine_without(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(UserError, match=r"built without CUDA.*installation page.*--device cpu"):
        choose_device("cuda")
    monkeypatch.setattr("seq2seq.device.NVIDIA_TRACES", (str(tmp_path / "nvidiactl"),))
    assert not unused_gpu()
    (tmp_path / "nvidiactl").touch()
    assert "built without CUDA" in unused_gpu()
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert not unused_gpu()


def test_the_driver_is_seen_on_windows_too(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    assert not nvidia_driver()
    (tmp_path / "System32").mkdir()
    (tmp_path / "System32" / "nvcuda.dll").touch()
    assert nvidia_driver()


def test_every_process_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    taken = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert taken == [torch.device("cuda", 1)]
    assert choose_device("auto").type == "cuda"
