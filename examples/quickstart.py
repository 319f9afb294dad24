"""Explains the shipped brain tissue network in Python: which voxels speak for grey matter?

Usage:
    python examples/quickstart.py [folder]    # needs the extra [demo]; writes the maps and three figures
"""

from __future__ import annotations

import sys
from pathlib import Path

import torchesegeta as te
from torchesegeta.demo import load_network, load_template
from torchesegeta.figures import save


def main(folder: Path) -> None:
    """Explain grey matter by three methods, and save what they show."""
    model, image = load_network(), load_template(crop=48)
    maps = te.explain(
        model,
        image,
        methods=["saliency", {"name": "integrated_gradients", "steps": 16, "baseline": "minimum"}, "gradcam"],
        target={"kind": "multiclass", "classes": ["grey matter"]},
        layers=["bottleneck"],
        class_names=["background", "white matter", "grey matter"],
    )
    for one in maps:
        print(f"{one.label:22} {one.status:4} {one.seconds:5.1f} s  {one.measures}  {' '.join(one.warnings)}")
        save(one.plot(), folder / f"{one.label}.png")
    maps.save(folder / "maps")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart"))
