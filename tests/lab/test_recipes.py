"""Recipes: every one must be something that the command line can run."""

import pytest

from tvbi_ref.cli import parse
from tvbi_ref.cli.train import NETS
from tvbi_ref.lab.recipes import RECIPES

COMMAND = ["train", "mnist", "--net"]


@pytest.mark.parametrize("net", RECIPES)
def test_a_recipe_is_for_a_known_network_and_its_priors_can_be_built(net):
    assert net in NETS
    for kind in RECIPES[net].supports:
        assert RECIPES[net].prior(kind).contrast == pytest.approx(RECIPES[net].options["contrast"])


@pytest.mark.parametrize("net", RECIPES)
def test_every_option_of_a_recipe_is_one_of_the_command_and_becomes_its_default(net):
    without, given = parse(["train", "mnist"]), parse([*COMMAND, net])
    for name, value in RECIPES[net].options.items():
        assert hasattr(without, name)
        assert getattr(given, name) == value


@pytest.mark.parametrize("net", RECIPES)
def test_a_recipe_is_for_all_pictures_of_that_size(net):
    mnist, fashion = (vars(parse(["train", d, "--net", net])) for d in ("mnist", "fashion_mnist"))
    assert fashion == mnist | {"dataset": "fashion_mnist"}


@pytest.mark.parametrize("net", RECIPES)
def test_what_the_user_says_goes_before_the_recipe(net):
    assert parse([*COMMAND, net, "--epochs", "7"]).epochs == 7


@pytest.mark.parametrize("net", RECIPES)
@pytest.mark.parametrize("epochs", [1, 2, 5, 1000])
def test_the_schedule_keeps_its_share_of_a_run_of_other_length(net, epochs):
    own, given = RECIPES[net].options, parse([*COMMAND, net, "--epochs", str(epochs)])
    for name in ("kl_warmup", "spike_epochs"):
        assert abs(getattr(given, name) / epochs - own[name] / own["epochs"]) <= 0.5 / epochs
    assert given.kl_warmup <= epochs >= given.spike_epochs


def test_what_is_said_of_the_schedule_goes_before_the_share():
    given = parse([*COMMAND, "lenet5_caffe", "--epochs", "6", "--kl-warmup", "1"])
    assert (given.kl_warmup, given.spike_epochs) == (1, 5)


def test_a_network_without_a_recipe_takes_the_defaults():
    nets = [net for net in NETS if net not in RECIPES]
    plain = vars(parse(["train", "mnist"]))
    for net in nets:
        assert vars(parse([*COMMAND, net])) == plain | {"net": net}
