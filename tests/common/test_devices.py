import logging

import pytest
import torch

from sagan.common import devices


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    devices.warn_cpu.cache_clear()


def test_auto_falls_back_to_the_cpu_with_one_line_a_process(no_cuda, caplog):
    with caplog.at_level(logging.WARNING):
        chosen = [devices.choose_device("auto") for _ in range(3)]

    assert [device.type for device in chosen] == ["cpu"] * 3
    assert caplog.text.count("no CUDA device") == 1


def test_cuda_that_is_not_there_is_refused(no_cuda):
    with pytest.raises(ValueError, match=r"device: cuda was asked for.*use device: auto"):
        devices.choose_device("cuda")


def test_threads_are_set(no_cuda):
    before = torch.get_num_threads()
    try:
        devices.choose_device("cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_tensors_without_memory_have_the_shapes_and_draw_nothing():
    state = torch.get_rng_state()
    with devices.without_memory():
        made = [torch.randn(2, 3), *torch.nn.Embedding(4, 5).parameters()]
        made += [torch.nn.init.normal_(tensor=torch.empty(6)), torch.empty(7).normal_()]
    assert {tensor.device.type for tensor in made} == {"meta"}
    assert [[*tensor.shape] for tensor in made] == [[2, 3], [4, 5], [6], [7]]
    assert torch.equal(torch.get_rng_state(), state)


def test_a_gpu_chooses_its_convolutions_and_nothing_stays_changed():
    found = []
    for kind in ("cuda", "cpu"):
        with devices.fastest_convolutions(torch.device(kind)):
            found.append(torch.backends.cudnn.benchmark)
        found.append(torch.backends.cudnn.benchmark)

    assert found == [True, False, False, False]


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:", "cuda:x", ""])
def test_another_name_is_refused(name):
    with pytest.raises(ValueError, match="device: expected auto, cpu, cuda or cuda:1"):
        devices.choose_device(name)


def test_one_gpu_of_several_may_be_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert devices.choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="cuda:2 was asked for, but there are 2 GPUs"):
        devices.choose_device("cuda:2")


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_native_where_the_processor_has_instructions_for_it(
    no_cuda, monkeypatch, native, older
):
    if older:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    else:
        found = {"avx512_bf16": native, "amx_bf16": False}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    devices.computes_bf16.cache_clear()
    try:
        assert devices.computes_bf16("auto") is native
    finally:
        devices.computes_bf16.cache_clear()


def test_numbers_that_are_compared_across_devices_are_in_whole_float32():
    backends = torch.backends.cudnn, torch.backends.cuda.matmul
    with devices.float32_inference():
        assert [backend.allow_tf32 for backend in backends] == [False, False]
        assert torch.is_inference_mode_enabled()
    assert [backend.allow_tf32 for backend in backends] == [True, False]


def test_a_gpu_is_lost_by_a_fault_on_it_and_not_for_lack_of_memory():
    fault = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    wrapped = ValueError("the trial failed")
    wrapped.__cause__ = fault
    full = torch.AcceleratorError("CUDA error: out of memory")
    found = [devices.is_gpu_lost(error) for error in (fault, wrapped, full, RuntimeError("shape"))]
    assert found == [True, True, False, False]


def test_random_states_are_kept_without_a_first_use_of_a_gpu(monkeypatch):
    def use(*_):
        pytest.fail("a GPU was used")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", use)
    before = torch.get_rng_state()
    with devices.random_states_kept():
        torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("kind", "variable"), [("cpu", "CXX"), ("cuda", "CC")])
def test_torch_compile_needs_its_compiler(kind, variable, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ValueError, match=rf"compile: default needs a compiler.*{variable}, or set"):
        devices.require_compilation("default", kind)
    compiler = tmp_path / "my-compiler"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv(variable, "my-compiler -m64")
    devices.require_compilation("default", kind)
    monkeypatch.setenv(variable, "none")
    with pytest.raises(ValueError, match="there is no none; install it"):
        devices.require_compilation("reduce-overhead", kind)
    devices.require_compilation("off", kind)
