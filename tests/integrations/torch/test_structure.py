"""The structure of a module."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from tests.integrations.torch.loops import model, quiet
from traingauge import ModelMonitor
from traingauge.errors import InvalidTypeError
from traingauge.integrations.torch import describe, watch


def test_a_module_is_described_by_its_layers_parameters_and_dtypes():
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2, dtype=torch.float64))
    net[0].requires_grad_(False)
    found = describe(net)
    assert (found.trainable, found.frozen) == (6 + 8, 15)
    assert found.facts == {"Layers": "3", "Data types": "float32, float64"}


def test_the_digest_is_that_of_the_architecture_and_not_of_the_weights():
    assert describe(model(0)).architecture == describe(model(1)).architecture
    wider = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3))
    assert describe(wider).architecture != describe(model()).architecture
    other = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    assert describe(other).architecture != describe(model()).architecture


@pytest.mark.parametrize(
    "wrap", [partial(torch.compile, backend="eager"), nn.DataParallel, partial(nn.Module.to, device="meta")]
)
def test_a_wrapped_module_and_one_without_values_are_described_as_the_module_is(wrap):
    assert describe(wrap(model())).architecture == describe(model()).architecture
    assert describe(wrap(model())).trainable == describe(model()).trainable


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_a_lazy_module_has_parameters_once_it_has_a_shape():
    net = nn.LazyLinear(2)
    assert describe(net).trainable == 0
    net(torch.ones(1, 3))
    assert describe(net).trainable == 8


def test_a_watched_loop_publishes_model_optimizer_and_loss(readings):
    net = model()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.25)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, nn.CrossEntropyLoss()):
            pass
        (info,) = (dict(labels) for name, labels in readings(monitor) if name == "model_run_info")
    assert (info["framework"], info["framework_version"]) == ("torch", torch.__version__)
    assert (info["optimizer"], info["loss_function"]) == ("AdamW", "CrossEntropyLoss")
    assert info["architecture"] == describe(net).architecture


def test_a_monitor_is_named_after_a_module_and_says_that_it_has_no_fit():
    class ResNet18(nn.Linear):
        pass

    with ModelMonitor(ResNet18(2, 1), delivery=[]) as monitor:
        assert monitor.model == "res_net18"
        monitor.describe(ResNet18(2, 1))
        with pytest.raises(InvalidTypeError, match=r"ResNet18 has no fit: .*watch"):
            monitor.fit()
