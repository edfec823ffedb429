"""Passes through layers in memory that is kept: what autograd computes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from policies.ppo import ActorCritic
from policies.tanh_layers import TanhLayers


def by_autograd(layers: nn.Sequential, seen: Tensor, weight: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return what `layers` give and the gradients of its sum, weighted."""
    out = layers(seen)
    (out * weight).sum().backward()
    return out.detach(), gradients(layers)


def gradients(layers: nn.Sequential) -> list[Tensor]:
    found = [each.grad for each in layers.parameters()]
    layers.zero_grad(set_to_none=True)
    return [each for each in found if each is not None]


@given(
    rows=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    inputs=st.integers(1, 20),
    hidden=st.integers(1, 40),
    actions=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_outputs_and_gradients_are_those_of_autograd(
    rows: list[int], inputs: int, hidden: int, actions: int, seed: int
) -> None:
    """Also where more or fewer rows than before go through the same memory."""
    torch.manual_seed(seed)
    layers = ActorCritic(inputs, actions, hidden=hidden).actor
    passes = TanhLayers(layers)
    for count in rows:
        seen, weight = torch.randn(count, inputs), torch.randn(count, actions)
        out, slopes = by_autograd(layers, seen, weight)
        torch.testing.assert_close(passes.forward(seen), out, rtol=1e-6, atol=1e-7)
        passes.backward(weight)
        for mine, other in zip(gradients(layers), slopes, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1682, 20192])
def test_at_the_size_of_training_not_a_bit_differs(rows: int) -> None:
    torch.manual_seed(rows)
    layers = ActorCritic(49, 4).actor
    passes = TanhLayers(layers)
    seen, weight = torch.randn(rows, 49), torch.randn(rows, 4)
    out, slopes = by_autograd(layers, seen, weight)
    assert torch.equal(passes.forward(seen), out)
    passes.backward(weight)
    assert all(map(torch.equal, gradients(layers), slopes))
