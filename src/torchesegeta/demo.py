"""The demo: a small U-Net, trained for grey and white matter, explained on the MNI152 average brain."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from torchesegeta.errors import ConfigError
from torchesegeta.inputs import read_image
from torchesegeta.methods import Method, methods
from torchesegeta.models import load_model
from torchesegeta.sweeps import Gradient
from torchesegeta.sweeps import Noise as NoiseSweep
from torchesegeta.sweeps import Path as PathSweep
from torchesegeta.types import Image

TEMPLATE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
"""The template's files in the nilearn package: t1, wm, gm (Fonov et al. 2011)."""
LAYERS = ("encoder.0", "encoder.1", "bottleneck", "decoder.0", "decoder.1")
FEW = {"steps": 16, "samples": 4, "masks": 16, "permutations": 1, "top": 4, "features": 32, "window": 32}
"""Points and masks, and features that are large: few passes, so that the demo takes minutes; real work wants the
defaults."""
SHEET = {"layers": ["bottleneck"], "channels": list(range(8)), "size": 32, "steps": 64}
"""A small sheet of what the network has learnt."""
FEW_OF: dict[str, dict[str, Any]] = {
    "feature_visualization": SHEET,
    "ablation_cam": {"layers": ["bottleneck"]},
    "kernel_shap": {"samples": 40},
    "lime": {"samples": 40},
    "sobol": {"samples": 2},
}
"""Where one number for all does not suit."""


def prepare(output: Path, *, every_method: bool = False) -> Path:
    """Write the demo's config, image and reference segmentation beside the run folder.

    Args:
        output: The run folder.
        every_method: Also those that change backward passes or mask the image, which take longer.

    Returns:
        The config.

    Raises:
        ConfigError: nilearn, which carries the template, is not installed.
    """
    data = _template_folder()
    image, label = (output.with_name(f"{output.name}-{what}.nii.gz").resolve() for what in ("t1", "tissue"))
    output.parent.mkdir(parents=True, exist_ok=True)
    if not (image.is_file() and label.is_file()):
        write_template(data, image, label)
    config = output.with_name(f"{output.name}.json")
    content = demo_config(image, label, output.resolve(), every_method=every_method)
    config.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return config


def load_network() -> nn.Module:
    """The demo network, in evaluation mode."""
    about = _about()
    model, _ = load_model(about["factory"], about["arguments"], _weights(), seed=0, folder=Path())
    return model


def load_template(crop: int | None = None) -> Image:
    """The T1 average at 2 mm, as the demo network wants it.

    Args:
        crop: Edge of a cube around the centre, in voxels; None for the whole head.

    Raises:
        ConfigError: nilearn, which carries the template, is not installed.
    """
    steps = list(_about()["preprocess"])
    if crop is not None:
        steps.append({"name": "CenterSpatialCrop", "roi_size": [crop] * 3})
    return read_image(_template_folder() / TEMPLATE.format("t1"), name="mni152", preprocess=steps)


def _template_folder() -> Path:
    found = find_spec("nilearn")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("the demo needs the MNI152 template that nilearn carries: pip install 'torchesegeta[demo]'")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data"


def write_template(data: Path, image: Path, label: Path) -> None:
    """Write the T1 average at 2 mm, and its tissues: 0 background, 1 white matter, 2 grey matter.

    Args:
        data: Folder of the template.
        image: File for the T1 average.
        label: File for the tissues.
    """
    import nibabel

    steps = [step for step in _about()["preprocess"] if step["name"] in ("Orientation", "Spacing")]
    template, white, grey = (read_image(data / TEMPLATE.format(kind), preprocess=steps) for kind in ("t1", "wm", "gm"))
    shares = torch.cat([white.data, grey.data]) / max(float(white.data.max()), float(grey.data.max()))
    tissue = torch.cat([1 - shares.sum(0, keepdim=True), shares]).argmax(0)
    nibabel.save(nibabel.Nifti1Image(template.data[0].numpy(), template.affine), image)
    nibabel.save(nibabel.Nifti1Image(tissue.numpy().astype(np.uint8), template.affine), label)


def _weights() -> Path:
    return Path(str(files("torchesegeta.models") / "weights" / "brain_tissue.safetensors"))


def _about() -> dict[str, Any]:
    """What the demo network's weights come with."""
    text = (files("torchesegeta.models") / "weights" / "brain_tissue.json").read_text(encoding="utf-8")
    about: dict[str, Any] = json.loads(text)
    return about


def demo_config(image: Path, label: Path, output: Path, *, every_method: bool) -> dict[str, Any]:
    """Methods that explain a single image, at every layer of the demo network's encoder and decoder."""
    about = _about()
    quick = {name for name, m in methods().items() if _is_quick(m)} | {"feature_visualization"}
    wanted = {n: m for n, m in methods().items() if _explains_one_image(m) and (every_method or n in quick)}
    return {
        "model": {
            "factory": about["factory"],
            "arguments": about["arguments"],
            "checkpoint": str(_weights()),
            "activation": about["activation"],
            "class_names": about["class_names"],
        },
        "images": [{"path": str(image), "label": str(label), "name": "mni152"}],
        "preprocess": [*about["preprocess"], {"name": "CropForeground"}],
        "target": {"kind": "multiclass", "classes": about["class_names"][1:]},
        "layers": list(LAYERS),
        "methods": [_few_points(name, method) for name, method in wanted.items()],
        "notes": [f"{about['evidence']} {_dice(about)}", about["origin"]],
        "output": str(output),
    }


def _dice(about: dict[str, Any]) -> str:
    shown = ", ".join(f"{value:.2f} {name}" for name, value in about["held_out_dice"].items())
    return f"Dice on the part held out: {shown}."


def _is_quick(method: type[Method]) -> bool:
    """Whether it reads plain gradients, at the image, on a path or under noise, and so shares its passes."""
    plain = all(type(s) in (Gradient, NoiseSweep, PathSweep) and s.rule is None for s in method().sweeps())
    return plain and method.name != "expected_gradients"  # its points are nobody else's


def _explains_one_image(method: type[Method]) -> bool:
    """Not those that need several images, nor other libraries, which may be missing."""
    return method.fewest_images == 1 and method.family != "Other libraries"


def _few_points(name: str, method: type[Method]) -> str | dict[str, Any]:
    fewer = {field: few for field, few in FEW.items() if field in method.model_fields} | FEW_OF.get(name, {})
    return {"name": name, **fewer} if fewer else name
