"""The guided gradient of Σ |a_filter| at a layer (Springenberg et al. 2015)."""

from torch import Tensor, nn

from .guided import guided, relus
from .record import Score, gradient_at


def reference(
    score: Score, image: Tensor, *, model: nn.Module, layer: nn.Module | None = None, filter: int = 0
) -> Tensor:
    assert layer is not None
    outputs: list[Tensor] = []

    def of_filter(point: Tensor) -> Tensor:
        outputs.clear()
        score(point)
        return outputs[0][:, filter].abs().sum()

    with relus(model, guided):
        handle = layer.register_forward_hook(lambda module, inputs, output: outputs.append(output))
        try:
            return gradient_at(of_filter, image)[0]
        finally:
            handle.remove()
