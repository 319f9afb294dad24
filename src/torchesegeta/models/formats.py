"""What a model's format shows of it: modules show everything, `torch.export` programs and TorchScript less."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.export import ExportedProgram, UnflattenedModule, unflatten
from torch.export.unflatten import InterpreterModule
from torch.fx import Graph, GraphModule, Node
from torch.jit import ScriptModule
from torch.nn.modules.batchnorm import _BatchNorm

from torchesegeta.errors import IncompatibleError, ModelError


@dataclass(frozen=True)
class Format:
    """A format; gradients at the image and scores of masked images are to be had from each.

    Attributes:
        name: As messages call it.
        layers: Whether layers can be watched and changed.
        operations: Whether single operations can be, as rules do.
        modules: Whether layers are of torch's own classes, as other libraries expect them.
        instead: What shows more.
    """

    name: str
    layers: bool = True
    operations: bool = True
    modules: bool = True
    instead: str = ""

    def need_layers(self) -> None:
        """Refuse a format without layers.

        Raises:
            IncompatibleError: With what works.
        """
        if not self.layers:
            raise IncompatibleError(
                f"the model is {self.name}, whose layers cannot be watched: give {self.instead}, or use a method that "
                "reads no layer"
            )

    def need_modules(self, who: str) -> None:
        """Refuse a format without modules of torch's own for a method of another library.

        Raises:
            IncompatibleError: With what works.
        """
        if not self.modules:
            raise IncompatibleError(
                f"{who} changes modules of torch.nn, and the model is {self.name}, which has none: give the model it "
                "was made from, or use a gradient or mask method"
            )


MODULE = Format("a torch.nn.Module")
UNFLATTENED = Format("an unflattened torch.export program", modules=False)
PROGRAM = Format(
    "a flat torch.export program",
    layers=False,
    modules=False,
    instead="torch.export.unflatten(program) or the model it was made from",
)
SCRIPT = Format(
    "TorchScript",
    layers=False,
    operations=False,
    modules=False,
    instead="the model it was made from, or a torch.export program",
)

DIMENSIONS = {"Conv2d": 2, "ConvTranspose2d": 2, "Conv3d": 3, "ConvTranspose3d": 3}
"""Classes of modules that tell a model's spatial dimensions."""


def format_of(module: nn.Module) -> Format:
    """The format of a model, or of a part of one."""
    if isinstance(module, ScriptModule):
        return SCRIPT
    if isinstance(module, UnflattenedModule):
        return UNFLATTENED
    return PROGRAM if isinstance(module, GraphModule) and _input_shape(module) is not None else MODULE


def as_module(model: nn.Module | ExportedProgram) -> nn.Module:
    """A model as a module; an `ExportedProgram` with its layers, where they can be told.

    Raises:
        ModelError: It is something else.
    """
    if isinstance(model, nn.Module):
        return model
    if not isinstance(model, ExportedProgram):
        raise ModelError(f"model: a {type(model).__name__} is neither a torch.nn.Module nor a torch.export program")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, about itself
        try:
            return unflatten(model)
        except Exception:  # of whatever kind: not every program can be unflattened
            return model.module()


def graphs(model: nn.Module) -> list[Graph]:
    """The graphs of every exported program in a model."""
    found = (getattr(module, "graph", None) for module in model.modules() if not isinstance(module, ScriptModule))
    return [graph for graph in found if isinstance(graph, Graph)]


def kind_of(module: nn.Module) -> str:
    """The class of a module, in a program or in TorchScript that of the one it was made from."""
    made_from = module.original_name if isinstance(module, ScriptModule) else None
    if isinstance(module, InterpreterModule):
        made_from = module.type_name()
    return str(made_from or type(module).__name__).rpartition(".")[2]


def model_dims(model: nn.Module) -> int | None:
    """Spatial dimensions of a model, told by its first convolution or a program's input; None where nothing tells."""
    told = (DIMENSIONS[kind_of(module)] for module in model.modules() if kind_of(module) in DIMENSIONS)
    shape = _input_shape(model)
    return next(told, None if shape is None or len(shape) not in (4, 5) else len(shape) - 2)


def takes_single_points(model: nn.Module) -> bool:
    """Whether batches must hold one point: a program's batch size is fixed, or the points of a batch mix."""
    shapes = (_input_shape(module) for module in model.modules())
    if any(shape is not None and isinstance(shape[0], int) for shape in shapes):
        return True
    of_graphs = (node for graph in graphs(model) for node in graph.nodes)
    return any(_mixes_points(module) for module in model.modules()) or any(map(_takes_batch_statistics, of_graphs))


def _input_shape(module: nn.Module) -> torch.Size | None:
    """The shape of a program's first input, with symbols for sizes that are open; None for other modules."""
    if not isinstance(module, GraphModule | UnflattenedModule):
        return None
    inputs = (node.meta.get("val") for node in module.graph.nodes if node.op == "placeholder")
    return next((value.shape for value in inputs if isinstance(value, Tensor) and value.ndim), None)


def _mixes_points(module: nn.Module) -> bool:
    """Whether a module is a batch norm without running statistics."""
    if isinstance(module, ScriptModule) and not hasattr(module, "training"):  # frozen: its modules are dissolved
        return "aten::batch_norm" in str(module.inlined_graph)
    if isinstance(module, ScriptModule):
        return "BatchNorm" in kind_of(module) and getattr(module, "running_mean", None) is None
    return isinstance(module, _BatchNorm) and module.running_mean is None


def _takes_batch_statistics(node: Node) -> bool:
    """The same for an operation of a program."""
    if not isinstance(node.target, OpOverload) or "batch_norm" not in node.target._schema.name:
        return False
    names = [argument.name for argument in node.target._schema.arguments]
    return "training" in names and node.args[names.index("training")] is True
