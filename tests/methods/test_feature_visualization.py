"""Feature visualisation: what is pictured, what it is called, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.methods.feature_visualization import FROM_IMAGE, FeatureVisualization
from torchesegeta.methods.picture_method import PictureMethod
from torchesegeta.methods.pictures.moves import Moves
from torchesegeta.optimisation.parameterisations import Coloured, Cppn, Fourier, Pixels, Pyramid, Shared
from torchesegeta.optimisation.transforms import Scale, standard
from torchesegeta.sweeps import Optimise


class Net(nn.Module):
    """Three channels in each layer; the last of `hidden` is dead, the last of `late` flat where all is dark."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.hidden = nn.Sequential(conv(2, 3, 3, padding=1), nn.ReLU())
        self.late = nn.Sequential(conv(2, 3, 1), nn.ReLU())
        self.head = nn.Linear(3, 2)
        source = torch.Generator().manual_seed(dims)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=source))
            for layer, bias in ((self.hidden, -1e6), (self.late, -1.0)):
                weight, biases = layer[0].parameters()
                weight[2], biases[:2], biases[2] = 1.0, 2.0, bias

    def forward(self, x: Tensor) -> Tensor:
        shown: Tensor = self.head((self.hidden(x) + self.late(x)).flatten(2).mean(2))
        return shown


SIZES = {2: (10, 12), 3: (8, 9, 10)}


def explain(dims: int = 2, *, at: str | None = "hidden", image: Tensor | None = None, **more: Any) -> te.Attributions:
    given = torch.rand(2, *SIZES[dims], generator=torch.Generator().manual_seed(0)) if image is None else image
    method = {"name": "feature_visualization", "steps": 3, **more}
    return te.explain(Net(dims), given, method, target=[0, 1], layers=at)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_sheet_of_all_channels(dims: int) -> None:
    maps = explain(dims, channels="all")
    assert [(m.target, m.target_index, m.status) for m in maps] == [
        ("channel 0", 0, "ok"), ("channel 1", 1, "ok"), ("channel 2", 2, "incompatible"),
    ]  # fmt: skip
    assert "channel 2 of layer 'hidden' is dead" in str(maps[2].reason)
    for one in list(maps)[:2]:
        assert one.values is not None and one.values.shape == (2, *SIZES[dims]) and one.shows == "picture"
        assert one.measures["objective_reached"] > one.measures["objective_before"]


def test_a_channel_alone_is_that_of_the_sheet() -> None:
    sheet = explain(channels="all", transforms="none").select(target="channel 1")
    (alone,) = explain(channels=1, transforms="none")
    (listed,) = explain(channels=[1], transforms="none")
    assert sheet.values is not None and alone.values is not None and listed.values is not None
    torch.testing.assert_close(alone.values, sheet.values, rtol=1e-5, atol=1e-6)
    assert torch.equal(alone.values, listed.values)


def test_without_a_channel_the_one_that_the_image_excites_most() -> None:
    image = torch.rand(2, 10, 12, generator=torch.Generator().manual_seed(0))
    (found,) = explain(image=image)
    with torch.no_grad():
        means = Net(2).hidden(image[None])[0].flatten(1).mean(1)
    assert found.target_index == int(means.argmax())
    assert found.measures["in_image"] == pytest.approx(float(means.max()), rel=1e-5)


def dark_image() -> Tensor:
    """On the whole too dark for the last channel of `late`."""
    image = 0.1 * torch.rand(2, 10, 12, generator=torch.Generator().manual_seed(0))
    image[:, 3:7, 4:8] += 1.0
    image[:, 5, 5] = 3.0
    return image


def test_what_is_flat_in_a_uniform_picture_starts_from_the_image() -> None:
    image = dark_image()
    maps = explain(image=image, at="late", channels=[2, 0])
    assert [m.target for m in maps] == ["channel 2", "channel 0"]
    assert maps[0].status == "ok" and maps[0].warnings == (FROM_IMAGE,) and not maps[1].warnings
    assert maps[0].measures["objective_reached"] > maps[0].measures["in_image"]
    (small,) = explain(image=image, at="late", channels=2, size=8)
    assert small.values is not None and small.values.shape == (2, 8, 8)


def test_flat_is_said_apart_from_dead() -> None:
    image = dark_image()
    (flat,) = explain(image=image, at="late", channels=2, parameterisation="cppn")
    assert flat.status == "incompatible" and "though the image excites it" in str(flat.reason)
    wide = {"kind": "fourier", "deviation": 3.0}
    (reached,) = explain(image=image, at="late", channels=2, parameterisation=wide)
    assert reached.status == "ok"


@pytest.mark.parametrize("dims", [2, 3])
def test_classes_layers_neurons_and_directions(dims: int) -> None:
    of_classes = explain(dims, of="class", at=None)
    assert [(m.layer, m.target) for m in of_classes] == [(None, "0"), (None, "1")]
    assert all(m.measures["objective_reached"] > m.measures["objective_before"] for m in of_classes)
    (layer,) = explain(dims, of="layer")
    assert layer.target is None and layer.status == "ok"
    (neuron,) = explain(dims, of="neuron", channels=0, place=[2] * dims)
    assert neuron.target == f"channel 0 at {', '.join(['2'] * dims)}" and neuron.target_index == 0
    (centre,) = explain(dims, of="neuron", channels=0, parameterisation={"kind": "fourier", "deviation": 1.0})
    assert centre.target == "channel 0 at the centre"
    (direction,) = explain(dims, of="direction", direction=[1, -1, 0])
    assert direction.target == "direction" and direction.status == "ok", direction.reason


def test_several_pictures_of_one_feature() -> None:
    maps = explain(channels=[0, 1], pictures=2, diversity=1.0)
    assert [m.target for m in maps] == [f"channel {c}, picture {n}" for c in (0, 1) for n in (1, 2)]
    one, two, *_ = (m.values for m in maps)
    assert one is not None and two is not None and not torch.allclose(one, two, atol=1e-3)
    classes = explain(of="class", pictures=2, at=None)
    assert [m.target for m in classes] == [f"{c}, picture {n}" for c in (0, 1) for n in (1, 2)]


@pytest.mark.parametrize(("size", "shape"), [(7, (2, 7, 7)), ([6, 9], (2, 6, 9))])
def test_sizes(size: Any, shape: tuple[int, ...]) -> None:
    (found,) = explain(channels=0, size=size)
    assert found.values is not None and tuple(found.values.shape) == shape


def test_size_with_other_axes_is_refused() -> None:
    (found,) = explain(channels=0, size=[7, 7, 7])
    assert found.reason is not None and "size [7, 7, 7] has 3 axes; the image has 2" in found.reason


def test_seeds_decide() -> None:
    model, image = Net(2), torch.rand(2, 10, 12, generator=torch.Generator().manual_seed(0))
    found = [
        te.explain(model, image, {"name": "feature_visualization", "channels": 0, "steps": 3}, 0, "hidden", seed=seed)
        for seed in (1, 1, 2)
    ]
    one, same, other = (maps["feature_visualization"].values for maps in found)
    assert one is not None and same is not None and other is not None
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_deadline_leaves_what_there_is() -> None:
    (found,) = explain(channels=0, steps=100_000, timeout_s=0.3)
    assert found.status == "partial" and found.values is not None and found.measures["steps"] < 100_000


@pytest.mark.parametrize("kind", ["pixel", "pyramid", "cppn", {"kind": "cppn", "hidden": 4, "depth": 2}])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_parameterisation_climbs(kind: Any, dims: int) -> None:
    (found,) = explain(dims, channels=0, parameterisation=kind, steps=6, transforms="none")
    assert found.measures["objective_reached"] > found.measures["objective_before"]


def sweep_of(**parameters: Any) -> Optimise:
    sweep = FeatureVisualization.model_validate(parameters).sweeps()[-1]
    assert isinstance(sweep, Optimise)
    return sweep


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fourier", Fourier()),
        ({"kind": "fourier", "decay": 1}, Fourier(decay=1)),
        ("pixel", Pixels()),
        ({"kind": "pyramid", "levels": 3, "deviation": 0.1}, Pyramid(3, 0.1)),
        ("cppn", Cppn()),
    ],
)
def test_parameterisations(written: Any, meant: Any) -> None:
    sweep = sweep_of(parameterisation=written, value_range=[0, 1], start="middle")
    assert sweep.parameterisation == Coloured(meant, "image", (0.0, 1.0), "middle")
    assert sweep.optimiser.rate == (0.005 if written == "cppn" else 0.05)
    assert sweep_of(pictures=3, shared=True, parameterisation=written).parameterisation == Coloured(Shared(meant))
    again = FeatureVisualization(parameterisation=written).parameters()
    assert again["parameterisation"] == written


def test_moves() -> None:
    mine, theirs = sweep_of().transforms, standard()
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Scale) and isinstance(other, Scale):
            assert one.factors == pytest.approx(other.factors)
        else:
            assert one == other
    assert sweep_of(transforms="none").transforms == ()
    assert len(sweep_of(transforms={"rotate": 0, "jitter": 1}).transforms) == 3
    written = [FeatureVisualization(transforms=m).parameters()["transforms"] for m in ("standard", "none", {"pad": 3})]
    assert written == ["standard", "none", {"pad": 3}]
    assert Moves(scale=0.2).transforms()[2] == Scale(tuple(1 + 0.2 * n / 5 for n in range(-5, 6)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"of": "class", "channels": 1}, "channels means nothing where 'of' is 'class'; it does for channel, neuron"),
        ({"of": "class", "layers": ["hidden"]}, "layers means nothing where 'of' is 'class'"),
        ({"of": "class", "size": 8}, "size means nothing where 'of' is 'class'"),
        ({"of": "class", "pictures": 2, "diversity": 1}, "diversity means nothing where 'of' is 'class'"),
        ({"place": [1, 1]}, "place means nothing where 'of' is 'channel'"),
        ({"of": "direction"}, "direction is required"),
        ({"diversity": 1}, "diversity means nothing with a single picture"),
        ({"shared": True}, "shared means nothing with a single picture"),
        ({"channels": -1}, "channels: -1 is not allowed"),
        ({"channels": "al"}, "'all'"),
        ({"of": "chanel"}, "nearest: 'channel'"),
        ({"parameterisation": "forier"}, "nearest: 'fourier'"),
        ({"parameterisation": {"kind": "cppn", "decay": 1}}, "the parameterisation 'cppn' has no field 'decay'"),
        ({"transforms": "standart"}, "nearest: 'standard'"),
        ({"transforms": {"jiter": 3}}, "nearest: 'jitter'"),
        ({"value_range": [1, 0]}, r"the range \[1, 0\] is empty"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        explain(at=None, **wrong)


def test_pictures_say_that_they_are_of_the_model() -> None:
    assert issubclass(FeatureVisualization, PictureMethod) and FeatureVisualization.of_model
    image = torch.rand(2, 10, 12)
    maps = te.explain(Net(2), [image, image + 1], {"name": "feature_visualization", "steps": 1}, 0, "hidden")
    assert len(maps) == 1
