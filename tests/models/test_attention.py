import pytest
import torch
import torch.nn.functional as F

from sagan.models.attention import SelfAttention2d


def attention(gamma: float) -> SelfAttention2d:
    torch.manual_seed(0)
    module = SelfAttention2d(16, spectral_norm=False).double()
    torch.nn.init.constant_(module.gamma, gamma)
    return module


def test_starts_as_the_identity():
    x = torch.randn(2, 16, 8, 8).double()

    assert torch.equal(SelfAttention2d(16, spectral_norm=False).double()(x), x)


def test_rows_of_the_map_sum_to_one_over_pooled_keys():
    weights = attention(1.0).attention_map(torch.randn(2, 16, 8, 8).double())

    assert weights.shape == (2, 64, 16)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 64).double())


def test_equals_a_loop_over_locations():
    module, x = attention(0.7), torch.randn(1, 16, 4, 4).double()
    query, key, value = module.query(x)[0], module.key(x)[0], module.value(x)[0]

    def pooled(feature, i, j):  # the largest of a 2x2 cell, channel by channel
        return feature[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].amax(dim=(1, 2))

    cells = [(i, j) for i in range(2) for j in range(2)]
    expected = x.clone()
    for row in range(4):
        for column in range(4):
            scores = torch.stack([query[:, row, column] @ pooled(key, *cell) for cell in cells])
            shares = torch.softmax(scores, 0)
            gathered = sum(s * pooled(value, *cell) for s, cell in zip(shares, cells, strict=True))
            out = module.out.weight[:, :, 0, 0] @ gathered
            expected[0, :, row, column] += 0.7 * out

    torch.testing.assert_close(module(x), expected, rtol=0, atol=1e-12)


def test_gamma_gets_a_gradient_although_it_starts_at_zero():
    module = attention(0.0)

    module(torch.randn(2, 16, 8, 8).double()).square().sum().backward()

    assert module.gamma.grad.abs() > 0


def test_a_spectrally_normalised_module_has_the_released_parameter_count():
    channels = 64

    count = sum(p.numel() for p in SelfAttention2d(channels, spectral_norm=True).parameters())

    assert count == 1.25 * channels**2 + 1


def test_map_agrees_with_what_forward_used():
    module, x = attention(1.0), torch.randn(2, 16, 4, 4).double()

    y, weights = module.forward_with_map(x)
    value = F.max_pool2d(module.value(x), 2).flatten(2)
    out = module.out((value @ weights.transpose(1, 2)).view(2, 8, 4, 4))

    torch.testing.assert_close(y, x + out)


def test_the_papers_form_attends_to_every_position():
    """No pooling, C/8 channels in all three projections, as the paper's text has it."""
    torch.manual_seed(0)
    module = SelfAttention2d(16, spectral_norm=False, form="paper").double()
    torch.nn.init.constant_(module.gamma, 0.7)
    x = torch.randn(2, 16, 4, 6).double()
    f, g = module.key(x).flatten(2), module.query(x).flatten(2)  # [N, C/8, L]
    h = module.value(x).flatten(2)
    shares = torch.softmax(torch.einsum("nci,ncj->nji", f, g), dim=-1)  # beta[j, i], equation 1
    gathered = torch.einsum("nji,nci->ncj", shares, h).view(2, 2, 4, 6)

    torch.testing.assert_close(module.attention_map(x), shares)
    torch.testing.assert_close(module(x), x + 0.7 * module.out(gathered))


def test_scaled_logits_start_at_the_releases_times_a_learned_factor():
    released, scaled = (
        SelfAttention2d(16, spectral_norm=False, form=f) for f in ("released", "scaled")
    )
    missing = scaled.load_state_dict(released.state_dict(), strict=False)
    x = torch.randn(2, 16, 4, 4)

    as_released = released.attention_map(x).log()
    differences = as_released - as_released.mean(-1, keepdim=True)  # logits but for a constant
    expected = torch.softmax(32 * differences, dim=-1)

    assert missing.missing_keys == ["log_scale"]
    torch.testing.assert_close(scaled.attention_map(x), expected)
    torch.nn.init.ones_(scaled.gamma)
    torch.testing.assert_close(scaled(x), scaled.forward_with_map(x)[0])
    scaled(x).sum().backward()
    assert scaled.log_scale.grad.abs() > 0


@pytest.mark.parametrize("form", ["released", "paper"])
def test_no_direction_stores_the_map(form):
    """It would be the largest tensor of a step."""
    module, x = SelfAttention2d(16, spectral_norm=False, form=form), torch.randn(2, 16, 16, 16)
    stored = []

    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: stored.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        module(x.contiguous(memory_format=torch.channels_last))  # as in a network

    assert 0 < max(stored) <= x.numel() < module.attention_map(x).numel()


@pytest.mark.parametrize("autocast", [False, True])
def test_in_bfloat16_a_cpu_attends_in_float32(autocast):
    """Only what is gathered is rounded; with rounded shares one value in 20 is another."""
    torch.manual_seed(0)
    dtype = torch.bfloat16
    module = SelfAttention2d(64, spectral_norm=False, form="paper").to(dtype)
    torch.nn.init.ones_(module.gamma)
    torch.nn.init.eye_(module.out.weight.data[:, :, 0, 0])  # shows what is gathered
    x = 3 * torch.randn(2, 64, 16, 16, dtype=dtype).contiguous(memory_format=torch.channels_last)
    query, key, value = (
        layer(x).flatten(2).float() for layer in (module.query, module.key, module.value)
    )
    shares = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
    gathered = (value @ shares.transpose(1, 2)).to(dtype).view(2, 8, 16, 16)
    outputs = []
    module.out.register_forward_hook(lambda *seen: outputs.append(seen[-1]))

    with torch.autocast("cpu", dtype, enabled=autocast):
        module(x)

    assert (outputs[0][:, :8] != gathered).float().mean() < 0.01
