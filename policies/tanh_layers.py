"""Two layers of tanh and a linear one, forward and backward, in memory that is kept.

Products and their order are those of `torch.autograd`, and so is every bit of what comes out.
Autograd takes fresh memory for whatever it computes; at ten thousands of rows being given it takes
longer than multiplying.
"""

import torch
from torch import Tensor, nn


class TanhLayers:
    """Passes through layers `Linear, Tanh, Linear, Tanh, Linear`, one at a time."""

    def __init__(self, layers: nn.Sequential) -> None:
        """Take layers; their parameters may change between a pass forward and the next."""
        self.first, self.second, self.last = (
            layer for layer in layers if isinstance(layer, nn.Linear)
        )
        self._kept: dict[str, Tensor] = {}
        self._seen = torch.empty(0)

    @torch.no_grad()
    def forward(self, seen: Tensor) -> Tensor:
        """Return what the layers make of `seen` (rows, inputs), (rows, outputs)."""
        self._seen = level = seen
        for name, layer in (("first", self.first), ("second", self.second)):
            room = self._room(name, len(seen), layer.out_features)
            torch.addmm(layer.bias, level, layer.weight.t(), out=room)
            level = room.tanh_()
        return torch.addmm(self.last.bias, level, self.last.weight.t())

    @torch.no_grad()
    def backward(self, gradient: Tensor) -> None:
        """Set the gradients of all parameters from that of what `forward` returned last."""
        rows = len(gradient)
        for layer, below in ((self.last, "second"), (self.second, "first"), (self.first, "")):
            level = self._room(below, rows, layer.in_features) if below else self._seen
            layer.bias.grad = gradient.sum(0)
            layer.weight.grad = gradient.t().mm(level)
            if below:
                room = self._room(f"gradient of {below}", rows, layer.in_features)
                torch.mm(gradient, layer.weight, out=room)
                gradient = torch.ops.aten.tanh_backward.grad_input(room, level, grad_input=room)

    def _room(self, name: str, rows: int, width: int) -> Tensor:
        kept = self._kept.get(name)
        if kept is None or len(kept) < rows:
            kept = self._kept[name] = torch.empty(rows, width)
        return kept[:rows]
