"""Values of one step: networks, gradients and the optimiser, by precision."""

import platform

import torch
from torch import Tensor
from torch.optim import SGD, Adam

from benchmarks.baselines import RATES, Size, draw
from benchmarks.gpu_checks.bench import (
    CPU,
    Bench,
    Numbers,
    error,
    exact_products,
    require,
    small_networks,
)
from sagan.common.devices import computes_bf16
from sagan.training.core.finite import FiniteCheck
from sagan.training.core.steps import discriminator_step, generator_step

# relative errors against float64 on the CPU; float32 without TensorFloat-32
LIMITS = {"fp64": 1e-9, "fp32": 1e-3, "bf16": 0.2}
# a ReLU or a maximum may decide otherwise for a value near 0: 1.1e-3 on a CPU too, at 64 px
GRADIENT_LIMITS = LIMITS | {"fp32": 1e-2}


def device_facts(bench: Bench) -> Numbers:
    """What the results depend on."""
    facts: Numbers = {"torch": torch.__version__, "python": platform.python_version()}
    if not bench.on_gpu:
        return facts | {"name": "cpu", "threads": torch.get_num_threads()}
    found = torch.cuda.get_device_properties(bench.device)
    return facts | {
        "name": found.name,
        "capability": f"{found.major}.{found.minor}",
        "memory_gib": round(found.total_memory / 2**30, 1),
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
        "gpus": torch.cuda.device_count(),
        "bf16": str(computes_bf16("cuda")),
    }


def networks_agree(bench: Bench) -> Numbers:
    """Images of G and logits of D, by precision, relative to the CPU's in float64."""
    (exact_images, exact_logits), numbers = _outputs(bench.size, CPU, "fp64"), {}
    for precision, limit in LIMITS.items():
        images, logits = _outputs(bench.size, bench.device, precision)
        numbers[f"G {precision}"] = require(error(images, exact_images), limit)
        numbers[f"D {precision}"] = require(error(logits, exact_logits), limit)
    return numbers


def gradients_agree(bench: Bench) -> Numbers:
    """Losses and gradients of both updates, by precision."""
    (exact_losses, exact), numbers = _gradients(bench.size, CPU, "fp64"), {}
    for precision, limit in LIMITS.items():
        losses, gradients = _gradients(bench.size, bench.device, precision)
        numbers[f"losses {precision}"] = require(error(losses, exact_losses), limit)
        found = error(gradients, exact)
        numbers[f"gradients {precision}"] = require(found, GRADIENT_LIMITS[precision])
    return numbers


def one_step_agrees(bench: Bench) -> Numbers:
    """Weights, statistics and vectors after a step of training's own optimiser, in float64."""
    found = error(_stepped(bench.size, bench.device), _stepped(bench.size, CPU))
    return {"all tensors": require(found, 1e-7)}


def _outputs(size: Size, device: torch.device, precision: str) -> tuple[Tensor, Tensor]:
    G, D = small_networks(size, device, precision)  # noqa: N806 - the paper's symbols
    images, labels, ((z, y), _) = _drawn(size, device, precision)
    with torch.no_grad(), exact_products(), _autocast(device, precision):
        return G(z, y), D(images, labels)[0]


def _gradients(size: Size, device: torch.device, precision: str) -> tuple[Tensor, Tensor]:
    G, D = small_networks(size, device, precision)  # noqa: N806
    images, labels, fakes = _drawn(size, device, precision)
    bf16 = precision == "bf16"
    with exact_products():
        of_d = discriminator_step(
            G, D, SGD(D.parameters(), lr=0.0), images, labels, *fakes[0], bf16=bf16
        )
        gradients = [p.grad.clone() for p in D.parameters() if p.grad is not None]
        of_g = generator_step(G, D, SGD(G.parameters(), lr=0.0), *fakes[1], bf16=bf16)
        gradients += [p.grad for p in G.parameters() if p.grad is not None]
    losses = torch.stack([of_d.loss.double(), of_g.loss.double()])
    return losses, torch.cat([gradient.flatten().double() for gradient in gradients])


def _stepped(size: Size, device: torch.device) -> Tensor:
    G, D = small_networks(size, device, "fp64")  # noqa: N806
    images, labels, fakes = _drawn(size, device, "fp64")
    of_g, of_d = (Adam(n.parameters(), fused=device.type == "cuda", **RATES) for n in (G, D))
    check = FiniteCheck(device)
    discriminator_step(G, D, of_d, images, labels, *fakes[0], check=check)
    generator_step(G, D, of_g, *fakes[1], check=check)
    check.require_finite()
    tensors = (t for n in (G, D) for t in n.state_dict().values() if t.is_floating_point())
    return torch.cat([tensor.flatten() for tensor in tensors])


def _drawn(
    size: Size, device: torch.device, precision: str
) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    dtype = torch.float64 if precision == "fp64" else torch.float32
    images, labels, fakes = draw(size, str(device))
    images = images.to(dtype).contiguous(memory_format=torch.channels_last)
    return images, labels, [(z.to(dtype), y) for z, y in fakes]


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
