"""`te.explain` as scripts and notebooks call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from matplotlib.text import Text
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError, IncompatibleError, InputError
from torchesegeta.methods.layer_visualization import LayerVisualization
from torchesegeta.methods.optimise_method import Draft
from torchesegeta.optimisation.objectives import Channel
from torchesegeta.sweeps import Problem

SIZE = (8, 9, 10)
NAMES = ("background", "white", "grey")


class Net(nn.Module):
    """(B, 2, D, H, W) to three logits, per voxel or per image."""

    def __init__(self, *, voxels: bool) -> None:
        super().__init__()
        self.voxels = voxels
        self.encoder = nn.ModuleList([nn.Conv3d(2, 4, 3, padding=1), nn.Conv3d(4, 5, 3, padding=1)])
        self.pool = nn.AvgPool3d(2)
        self.head = nn.Conv3d(5, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        coarse = self.encoder[1](self.pool(self.encoder[0](x).tanh())).tanh()
        logits: Tensor = self.head(nn.functional.interpolate(coarse, x.shape[2:]))
        return logits if self.voxels else logits.square().mean((2, 3, 4))


def build(*, voxels: bool) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Net(voxels=voxels)


@pytest.fixture(scope="module")
def classifier() -> Net:
    return build(voxels=False)


@pytest.fixture(scope="module")
def segmenter() -> Net:
    return build(voxels=True)


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.randn(2, *SIZE, generator=torch.Generator().manual_seed(0))


def values(maps: te.Attributions, method: str = "saliency", **select: Any) -> Tensor:
    found = maps.select(method, **select).values
    assert found is not None
    return found


def test_contract(segmenter: Net, image: Tensor) -> None:
    maps = te.explain(
        segmenter,
        image,
        methods=["saliency", {"name": "integrated_gradients", "steps": 4}, "layer_gradcam"],
        target=[1, 2],
        layers=["encoder.0", "encoder.1"],
        device="cpu",
        precision="float32",
        seed=0,
        patches=None,
        class_names=NAMES,
    )
    assert len(maps) == 2 + 2 + 4
    assert {(m.method, m.target, m.layer) for m in maps if m.method == "layer_gradcam"} == {
        ("layer_gradcam", target, layer) for target in ("white", "grey") for layer in ("encoder.0", "encoder.1")
    }
    one = maps.select(method="layer_gradcam", layer="encoder.0", target=1)
    assert one.target == "white" and one.values is not None and one.values.dtype == torch.float32
    for m in maps:
        assert m.status == "ok" and m.reason is None and m.has_map
        assert m.seconds > 0 and m.passes["forward"] >= 1 and m.quantity and m.image == "image"
        assert all(isinstance(warning, str) for warning in m.warnings)
    integrated = maps.select("integrated_gradients", target="grey")
    assert integrated.parameters["steps"] == 4 and integrated.parameters["baseline"] == "zero"
    assert integrated.peak_memory is None or integrated.peak_memory > 0


@pytest.mark.parametrize("form", ["batch axis", "array", "float64", "Image", "requires grad", "not contiguous"])
def test_forms_of_an_image(form: str, classifier: Net, image: Tensor) -> None:
    given: Any = {
        "batch axis": image[None],
        "array": image.numpy(),
        "float64": image.double(),
        "Image": te.Image(image),
        "requires grad": image.clone().requires_grad_(True),
        "not contiguous": image.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0),
    }[form]
    assert torch.equal(
        values(te.explain(classifier, given, ["saliency"], 1)), values(te.explain(classifier, image, ["saliency"], 1))
    )


def test_path_of_a_file_keeps_its_place_in_space(image: Tensor, tmp_path: Path) -> None:
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 3, -72], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(image[0].numpy(), affine), tmp_path / "t1.nii.gz")
    net = nn.Sequential(nn.Conv3d(1, 3, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(240, 2))
    maps = te.explain(net, tmp_path / "t1.nii.gz", ["saliency", "layer_activation"], 1, ["0"])
    assert {m.image for m in maps} == {"t1"}
    assert maps["saliency"].affine is not None and np.array_equal(maps["saliency"].affine, affine)
    layer = maps["layer_activation"]
    assert layer.affine is not None and layer.values is not None and layer.values.shape == (3, 4, 4, 5)
    assert np.allclose(layer.affine[:3, :3], 2 * affine[:3, :3])
    assert np.allclose(layer.affine[:3, 3], affine[:3, :3] @ [0.5, 0.5, 0.5] + affine[:3, 3])
    assert torch.equal(values(te.explain(net, str(tmp_path / "t1.nii.gz"), ["saliency"], 1)), values(maps))


def test_several_images_are_told_apart(classifier: Net, image: Tensor) -> None:
    named = [te.Image(image, name="first"), te.Image(-image, name="second")]
    maps = te.explain(classifier, named, ["saliency"], 1)
    assert [m.image for m in maps] == ["first", "second"]
    assert torch.equal(values(maps, image="second"), values(te.explain(classifier, -image, ["saliency"], 1)))
    with pytest.raises(KeyError, match="2 maps fit; narrow it down: .*image='first'.*; .*image='second'"):
        maps["saliency"]
    assert [m.image for m in te.explain(classifier, [image, -image], ["saliency"], 1)] == ["image_0", "image_1"]


def test_default_layer_is_named(classifier: Net, image: Tensor) -> None:
    maps = te.explain(classifier, image, ["gradcam", "layer_activation", "saliency"], 1)
    assert {m.method: m.layer for m in maps} == {
        "gradcam": "encoder.1",
        "layer_activation": "encoder.1",
        "saliency": None,
    }
    own = te.explain(classifier, image, [{"name": "gradcam", "layers": ["pool"]}, "layer_gradcam"], 1, "encoder.0")
    assert [(m.method, m.layer) for m in own] == [("gradcam", "pool"), ("layer_gradcam", "encoder.0")]


def test_one_name_need_not_be_a_list(classifier: Net, image: Tensor) -> None:
    (result,) = te.explain(classifier, image, "gradcam", 1, "encoder.0")
    (same,) = te.explain(classifier, image, {"name": "gradcam", "layers": ["encoder.0"]}, 1)
    assert result.values is not None and same.values is not None
    assert torch.equal(result.values, same.values)


def test_predicted_target(classifier: Net, segmenter: Net, image: Tensor) -> None:
    predicted = int(classifier(image[None]).argmax())
    (result,) = te.explain(classifier, image, ["saliency"], class_names=NAMES)
    assert (result.target, result.target_index) == (NAMES[predicted], predicted)
    somewhere = segmenter(image[None]).argmax(1).unique().tolist()
    assert [m.target_index for m in te.explain(segmenter, image, ["saliency"])] == somewhere


def test_class_predicted_nowhere_costs_its_maps_only(segmenter: Net, image: Tensor) -> None:
    net = build(voxels=True)
    with torch.no_grad():
        torch.as_tensor(net.head.bias)[2] = -100
    maps = te.explain(net, image, ["saliency", "layer_gradcam"], ["white", "grey"], "pool", class_names=NAMES)
    assert {(m.method, m.target): m.status for m in maps} == {
        ("saliency", "white"): "ok",
        ("saliency", "grey"): "incompatible",
        ("layer_gradcam", "white"): "ok",
        ("layer_gradcam", "grey"): "incompatible",
    }
    missing = maps.select("saliency", target="grey")
    assert missing.reason == "class 'grey' is predicted nowhere in this image"
    assert missing.values is None and missing.target_index == 2 and not missing.has_map
    with pytest.raises(ValueError, match="saliency has no map: incompatible, class 'grey' is predicted nowhere"):
        missing.plot()


def test_count_is_refused_by_gradient_methods(segmenter: Net, image: Tensor) -> None:
    target = {"kind": "multiclass", "classes": [1], "count": True}
    noise, path = {"name": "smoothgrad", "samples": 2}, {"name": "integrated_gradients", "steps": 2}
    maps = te.explain(segmenter, image, ["saliency", noise, path, "layer_activation"], target, "pool")
    assert [m.status for m in maps] == ["incompatible", "ok", "incompatible", "incompatible"]
    for m in maps:
        expected = "a voxel count is piecewise constant, its gradient is zero: use a mask method, or leave out 'count'"
        assert m.method == "layer_activation" or (m.reason == expected and m.target == "1")


def test_the_same_method_twice_needs_labels(classifier: Net, image: Tensor) -> None:
    coarse, fine = ({"name": "integrated_gradients", "steps": n, "label": f"ig{n}"} for n in (2, 6))
    maps = te.explain(classifier, image, [coarse, fine], 1)
    assert (maps["ig2"].parameters["steps"], maps["ig6"].parameters["steps"]) == (2, 6)
    with pytest.raises(KeyError, match="2 maps fit"):
        maps["integrated_gradients"]
    with pytest.raises(ConfigError, match="methods: 'saliency' stands 2 times; give each a 'label' of its own"):
        te.explain(classifier, image, ["saliency", "saliency"], 1)


def test_seeds(classifier: Net, image: Tensor) -> None:
    def smooth(seed: int, given: Tensor = image, samples: int = 3) -> Tensor:
        return values(
            te.explain(classifier, given, [{"name": "smoothgrad", "samples": samples}], 1, seed=seed), "smoothgrad"
        )

    torch.manual_seed(3)
    first = smooth(0)
    torch.manual_seed(4)
    assert torch.equal(smooth(0), first)
    assert not torch.allclose(smooth(1), first)
    assert not torch.allclose(smooth(0, image + 1e-6), first, rtol=1e-3), "each image has draws of its own"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": []}, "methods: the list is empty; give at least one"),
        ({"methods": ["salency"]}, "methods[0]: method 'salency' does not exist; nearest: 'saliency'"),
        ({"methods": ["saliency", {"nam": "gradcam"}]}, "methods[1]: a method is a name or a mapping with a 'name'"),
        (
            {"methods": [{"name": "smoothgrad", "sample": 3}]},
            "methods[0]: field 'sample' does not exist; nearest: 'samples'",
        ),
        (
            {"methods": [{"name": "smoothgrad", "samples": 0}]},
            "methods[0].samples: 0 is not allowed",
        ),
        ({"methods": [{"name": "saliency", "label": "a/b"}]}, "methods[0].label: 'a/b' cannot be part of a file name"),
        (
            {"layers": ["encoder.9"]},
            "layers[0]: layer 'encoder.9' does not exist in the model; nearest: 'encoder.",
        ),
        ({"layers": ["pool#x"]}, "layers[0]: layer 'pool#x': 'x' is not a number; write name#call or name:output"),
        ({"target": "grau"}, "class 'grau' does not exist; nearest: 'grey'; allowed: background, grey, white"),
        ({"target": 3}, "class 3 does not exist; the model has the classes 0 to 2"),
        ({"target": {"kind": "multi"}}, "'multi' does not exist; nearest: 'multiclass'"),
        ({"target": {"kind": "class", "clases": [1]}}, "field 'clases' does not exist; nearest: 'classes'"),
        ({"device": "gpu"}, "device: 'gpu' is not a device; allowed: 'cpu'"),
        ({"device": "cuda:77"}, "device: 'cuda:77' is not available here; allowed: 'cpu'"),
        ({"precision": "half"}, "precision: 'half' is not allowed; allowed: 'float32', 'amp', 'bfloat16' or 'float16'"),
        ({"precision": "bf16"}, "precision: 'bf16' is not allowed; nearest: 'bfloat16'"),
        ({"agreement": True}, "agreement: compares maps with those in float32, and precision is 'float32'"),
        ({"patches": {"size": [8, 8]}}, "patches.size: [8, 8] has 2 numbers; the image has 3 axes"),
    ],
)
def test_what_does_not_exist(options: dict[str, Any], message: str, classifier: Net, image: Tensor) -> None:
    given = {"methods": ["saliency"], "target": 1, "class_names": NAMES, **options}
    with pytest.raises(ConfigError) as caught:
        te.explain(classifier, image, **given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.ones(9, 10), "cannot be read for 3 spatial axes"),
        (torch.full((2, *SIZE), torch.nan), "1440 NaN/Inf voxels"),
        (Path("nowhere.nii.gz"), "nowhere.nii.gz"),
        ([], "image: the list is empty"),
        ([None], "an image cannot be made of NoneType"),
    ],
)
def test_images_that_cannot_be_used(given: Any, message: str, classifier: Net) -> None:
    with pytest.raises(InputError) as caught:
        te.explain(classifier, given, ["saliency"], 1)
    assert message in str(caught.value)


def test_target_that_does_not_fit_the_output(classifier: Net, image: Tensor) -> None:
    target = {"kind": "multiclass", "classes": [1]}
    (result,) = te.explain(classifier, image, ["saliency"], target)
    assert result.status == "incompatible" and "needs a segmentation" in str(result.reason)
    with pytest.raises(IncompatibleError, match="needs a segmentation"):
        te.explain(classifier, image, ["gradcam"], target)


def test_maps_draw_themselves(segmenter: Net, image: Tensor, tmp_path: Path) -> None:
    maps = te.explain(segmenter, te.Image(image, np.eye(4)), ["saliency"], "white", class_names=NAMES)
    figure = maps["saliency"].plot()
    figure.savefig(tmp_path / "saliency.png")
    assert (tmp_path / "saliency.png").stat().st_size > 5000
    words = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "white" in words


def test_pictures_draw_themselves(segmenter: Net, image: Tensor) -> None:
    maps = te.explain(segmenter, image, {"name": "layer_visualization", "steps": 2}, layers="encoder.0")
    figure = maps["layer_visualization"].plot(title="A filter")
    shown = " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())
    assert "A filter for channel 0 at layer encoder.0" in shown and "not a map of this image" in shown and "→" in shown


def test_a_picture_of_another_size_has_no_place_in_space(
    segmenter: Net, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def readout(method: LayerVisualization, _: Any) -> Draft:
        shape = (2, *SIZE) if method.steps == 1 else (2, 4, 4, 4)
        return Draft(lambda: [Problem("small", Channel("encoder.0", 0), shape=shape)])

    monkeypatch.setattr(LayerVisualization, "readout", readout)
    placed = te.Image(image, np.diag([2.0, 2, 3, 1]))
    entries = [{"name": "layer_visualization", "label": f"{steps}", "steps": steps} for steps in (1, 2)]
    same, small = te.explain(segmenter, placed, entries, layers="encoder.0")
    assert same.affine is not None and small.affine is None
    assert small.values is not None and small.values.shape[1:] == (4, 4, 4) and small.of_model


def test_a_bar_shows_how_far_the_sweeps_are(classifier: Net, image: Tensor, capsys: pytest.CaptureFixture[str]) -> None:
    methods: list[Any] = ["saliency", "gradcam", {"name": "vargrad", "samples": 3}]
    te.explain(classifier, image, methods, layers="encoder.0")
    assert capsys.readouterr().err == ""
    te.explain(classifier, image, methods, layers="encoder.0", progress=True)
    said = capsys.readouterr().err
    assert "[1/2] image: saliency and 1 more" in said and "[2/2] image: vargrad" in said


def test_import_is_light() -> None:
    script = "import sys, torchesegeta; print(sorted({'torch', 'monai', 'matplotlib', 'skimage'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'explian'"):
        te.explian  # noqa: B018
    assert {"explain", "methods", "Image", "Attribution"} <= set(dir(te))
