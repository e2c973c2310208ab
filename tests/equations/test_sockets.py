"""The dispatcher: who answers, what of the reader's is refused, and what a listener hears."""

import copy
import inspect
import os
import pickle
import pydoc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from variants import VARIANTS

import tvbi_ref
from tvbi_ref import (
    ChainSupport,
    Columns,
    GraphSupport,
    GridSupport,
    GroupSupport,
    HierarchicalPrior,
    PlugError,
    TurboVBI,
    listen,
    nets,
    use,
)
from tvbi_ref.equations import EQUATIONS, carry, get
from tvbi_ref.equations.listening import LONGEST, Heard
from tvbi_ref.equations.sockets import SOCKETS, current, numba_is_here
from tvbi_ref.module_a import update_support
from tvbi_ref.module_b import cavity, chain_messages, ising_message, sum_product
from tvbi_ref.school.checks.suites import cases_of

ROOT = Path(__file__).parents[2]
L = np.array([[3.0, -1.0], [0.5, 2.0]])
SUPPORTS = {
    "chain": ChainSupport(0.1, 0.3),
    "grid": GridSupport(-1.0, 0.1, 0.3),
    "graph": GraphSupport([[0, 1], [1, 3]], 0.3, -1.0),
    "groups": GroupSupport(Columns(), 0.3, 0.8, 0.1),
    "chained groups": GroupSupport(Columns(), 0.3, 0.8, 0.1, p_end=0.4),
}
needs_numba = pytest.mark.skipif(not numba_is_here(), reason="needs Numba")


def python(program, **environment):
    """Run a program in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if k != "TVBI_ENGINE"}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


# Who answers


def test_every_equation_is_a_socket_of_its_label():
    for label, equation in EQUATIONS.items():
        assert equation.function.label == label
        assert SOCKETS[label] is equation.function


@pytest.mark.parametrize("name", SUPPORTS)
def test_the_engines_agree(name, rng):
    evidence = 3 * rng.normal(size=(2, 2))
    with use("numpy"):
        readable = SUPPORTS[name].extrinsic(evidence)
    fast = SUPPORTS[name].extrinsic(evidence)
    np.testing.assert_allclose(fast.log_odds, readable.log_odds, rtol=1e-11)
    np.testing.assert_allclose(fast.belief, readable.belief, rtol=1e-11)
    np.testing.assert_allclose(fast.residuals, readable.residuals, rtol=1e-6, atol=1e-12)


def test_a_block_begins_where_it_is_entered_and_may_be_entered_again():
    mine = use(q_support=lambda prior, l: prior - l)
    with use("numpy"), mine:
        assert current().engine == "numpy"
        with mine:
            assert update_support(3.0, 1.0) == 2.0
        assert update_support(3.0, 1.0) == 2.0
    assert update_support(3.0, 1.0) == 4.0


def test_what_is_not_entered_says_so():
    with pytest.warns(UserWarning, match="changes nothing but in a `with` block"):
        use("numpy")


def test_blocks_compose_and_are_undone_by_errors():
    outside = current()

    def mine(prior_log_odds, evidence):
        return prior_log_odds - evidence

    with use("numpy"), use(q_support=mine), use({"cavity": lambda h, l, m: h + l}):
        assert current().engine == "numpy"
        assert set(current().own) >= {"q-support", "cavity"}
        assert update_support(3.0, 1.0) == 2.0
        with use("numba") if numba_is_here() else use():
            assert update_support(3.0, 1.0) == 2.0
        with pytest.raises(ZeroDivisionError), use(q_support=lambda prior, l: prior):
            raise ZeroDivisionError
        assert update_support(3.0, 1.0) == 2.0
    assert current() is outside
    assert update_support(3.0, 1.0) == 4.0


@pytest.mark.parametrize("name", SUPPORTS)
def test_a_plug_of_the_readers_always_takes_part(name):
    """Whatever is fused into a fast form comes apart where the reader has a say in it."""
    with use("numpy"), listen() as heard:
        expected = SUPPORTS[name].extrinsic(L).log_odds
    for label in heard.labels:
        calls = []

        def mine(*arguments, label=label, calls=calls):
            calls.append(1)
            return SOCKETS[label].readable(*arguments)

        with use({label: mine}):
            answer = SUPPORTS[name].extrinsic(L).log_odds
        np.testing.assert_allclose(answer, expected, rtol=1e-11)
        assert calls, label


@pytest.mark.slow
def test_the_environment_chooses_the_engine_of_a_process():
    program = "from tvbi_ref.equations.sockets import current; print(current().engine)"
    assert python(program, TVBI_ENGINE="numpy").stdout == "numpy\n"
    assert python(program).stdout == "numba\n"
    wrong = python(program, TVBI_ENGINE="jax").stderr
    assert (
        "the environment variable TVBI_ENGINE must be one of 'numba', 'numpy'; got 'jax'" in wrong
    )


def test_an_equation_may_be_called_by_its_function_too():
    def mine(cavity, coupling):
        return 0.0 * cavity

    for own in ({"sum-product-ising": mine}, {"sum_product_ising": mine}, {"ising_message": mine}):
        for block in (use(own), use(**{name.replace("-", "_"): f for name, f in own.items()})):
            with block:
                assert ising_message(3.0, 1.0) == 0


def test_an_engine_or_equation_that_is_none_is_named():
    with pytest.raises(ValueError, match="engine must be one of 'numba', 'numpy'; got 'torch'"):
        use("torch")
    with pytest.raises(ValueError, match="got 'sum_produkt'; did you mean sum-product"):
        use(sum_produkt=sum_product)
    with pytest.raises(
        ValueError, match=r"\[sum-product\] can have one function of yours; got two"
    ):
        use({"sum-product": np.add}, sum_product=np.subtract)
    with pytest.raises(TypeError, match=r"\[cavity\] needs a function; got 3"):
        use(cavity=3)
    with pytest.raises(TypeError, match=r"called with 2 arguments \(cavity, psi\).*takes \(c\)"):
        use(sum_product=lambda c: c)


NO_NUMBA = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None; "


@pytest.mark.slow
def test_without_numba_the_package_trains_predicts_and_says_what_it_cannot():
    program = NO_NUMBA + "\n".join(
        [
            "import numpy as np, tvbi_ref",
            "from tvbi_ref import *",
            "from tvbi_ref import datasets, nets, compress",
            "d = datasets.load_digits()",
            "prior = HierarchicalPrior.spike_and_slab(GridSupport(-4.0, 0.1, 0.5))",
            "net = nets.mlp([64, 8, 10], seed=0)",
            "r = TurboVBI(prior, epochs=2).fit(net, d.x_train[:99], d.y_train[:99])",
            "print(compress(r).predict(d.x_test[:3]).shape)",
            "from tvbi_ref.equations.sockets import current; assert current().engine == 'numpy'",
            "try: use('numba')",
            "except ImportError as error: print(error)",
        ]
    )
    done = python(program)
    assert done.returncode == 0, done.stderr
    shape, error = done.stdout.splitlines()
    assert shape == "(3, 10)"
    assert error == "engine is 'numba', and Numba cannot be imported; 'numpy' needs none"


# A function of the reader's


def wrong_shape(c, J):
    return np.zeros((1, 2))


def wrong_dtype(c, J):
    return np.asarray(c, np.float32)


def not_a_number(c, J):
    return c * np.nan


def two_results(c, J):
    return c, c


def nothing(c, J):
    return None


def in_place(c, J):
    c *= 2
    return c


def masked(c, J):
    return np.ma.masked_less(c, 0.0)


def breaks(c, J):
    return 1 / 0


@pytest.mark.parametrize(
    ("plug", "says"),
    [
        (wrong_shape, r"wrong_shape returned message of shape \(1, 2\); expected \(2, 2\)"),
        (wrong_dtype, "returned message of dtype float32; expected float64"),
        (not_a_number, r"returned message not finite: 4 of 4 entries, the first at \(0, 0\): nan"),
        (two_results, "returned 2 results; expected 1: message"),
        (nothing, r"returned message of shape \(\); expected \(2, 2\)"),
        (in_place, "in_place raised ValueError: .*read-only"),
        (masked, "masked raised TypeError: a masked array, whose mask would be lost"),
        (breaks, "breaks raised ZeroDivisionError: division by zero"),
    ],
)
def test_what_does_not_fit_stops_with_the_label_what_came_and_what_was_expected(plug, says):
    with use(sum_product_ising=plug), pytest.raises(PlugError, match=says) as caught:
        ising_message(L, 0.3)
    assert caught.value.label == "sum-product-ising"
    assert str(caught.value).startswith("[sum-product-ising] your function ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_infinity_is_refused_only_where_all_that_came_in_was_finite():
    with use(q_support=lambda prior, l: prior + l):
        assert update_support(np.inf, 1.0) == np.inf
    with use(q_support=lambda prior, l: l * np.inf), pytest.raises(PlugError, match="not finite"):
        update_support(0.0, 1e4)


def test_a_number_outside_its_domain_is_refused():
    says = r"returned belief = 3; expected numbers in \[0, 1\]"
    with use(belief=lambda h, l, messages: l), pytest.raises(PlugError, match=says):
        get("belief").function(0 * L, L, np.zeros((2, 2, 2)))


def test_of_a_message_that_is_infinite_in_places_the_others_are_looked_at():
    prior = np.array([np.inf, 1.0])
    with use(q_support=lambda prior, l: prior * np.nan), pytest.raises(PlugError, match="1 of 2"):
        update_support(prior, np.ones(2))
    with use(q_support=lambda prior, l: prior + l):
        np.testing.assert_array_equal(update_support(prior, np.ones(2)), [np.inf, 2.0])


def test_a_function_may_use_its_buffer_again():
    buffer = np.empty(2)
    with use(q_support=lambda prior, l: np.add(prior, l, out=buffer)):
        first = update_support(np.zeros(2), np.ones(2))
        update_support(np.zeros(2), np.full(2, 9.0))
    np.testing.assert_array_equal(first, [1.0, 1.0])


@pytest.mark.parametrize("name", SUPPORTS)
def test_messages_come_as_one_array_whoever_sends_them(name):
    """The registry says (k, ...), and a reader may use what arrays can do."""

    def mine(field, evidence, other_messages):
        return field + evidence + other_messages.sum(axis=0)

    expected = SUPPORTS[name].extrinsic(L).log_odds
    with use("numpy", cavity=mine, extrinsic_b=lambda h, messages: h + messages.sum(axis=0)):
        np.testing.assert_allclose(SUPPORTS[name].extrinsic(L).log_odds, expected, rtol=1e-11)


def test_results_have_the_form_that_the_package_goes_on_with():
    def mine(*arguments):
        return tuple(get("elbo-collapsed").function.readable(*arguments))

    gammas = tvbi_ref.Gamma(1.0, 0.1), tvbi_ref.Gamma(1.0, 0.01)
    with use(elbo_collapsed=mine):
        terms = get("elbo-collapsed").function(L, np.abs(L), L, *gammas)
    assert np.isfinite(terms.total)
    with use(uniqueness=lambda row, col: np.float64(0.5)):
        assert type(get("uniqueness").function(0.1, 0.2)) is float


@pytest.mark.parametrize("label", EQUATIONS)
def test_the_packages_own_function_passes_its_own_guard_on_every_case(label):
    """No legitimate answer is refused: shapes and types follow from the registry's words."""
    socket = get(label).function
    for case in cases_of(label):
        if case.advice:
            continue
        expected = socket.readable(*copy.deepcopy(case.arguments))
        with use({label: socket.readable}):
            answer = socket(*copy.deepcopy(case.arguments))
        parts = (answer, expected) if isinstance(answer, tuple) else ((answer,), (expected,))
        for ours, theirs in zip(*parts, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def in_float32(value):
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    return value


@pytest.mark.filterwarnings("ignore:overflow")  # where honest code in odds has advice
@pytest.mark.parametrize("label", VARIANTS)
def test_what_passes_the_check_runs_in_the_loop_whatever_its_network_computes_in(label):
    socket = get(label).function
    dtypes = [copy.copy, in_float32] if get(label).group in ("nets", "compression") else [copy.copy]
    for case in cases_of(label):
        for convert in [] if case.advice else dtypes:
            arguments = tuple(map(convert, case.arguments))
            expected = socket.readable(*copy.deepcopy(arguments))
            for function in VARIANTS[label]:
                with use({label: function}), np.errstate(all="ignore"):
                    answer = socket(*copy.deepcopy(arguments))
                parts = (
                    (answer, expected) if isinstance(answer, tuple) else ((answer,), (expected,))
                )
                for ours, theirs in zip(*parts, strict=True):
                    assert np.shape(ours) == np.shape(theirs)
                    assert np.ndim(ours) == 0 or ours.dtype == theirs.dtype


def test_a_gamma_comes_to_a_function_of_the_readers_as_it_comes_to_its_check():
    def mine(m, prior):
        a, b = prior
        assert prior[0] == prior.shape == a
        posterior = type(prior)(a + 0.5, b + m / 2)
        return posterior.shape, posterior.rate

    prior = tvbi_ref.Gamma(1.0, 0.1)
    with use(q_collapsed=mine):
        shape, rate = get("q-collapsed").function(L**2, prior)
    np.testing.assert_array_equal((shape, *rate.ravel()), (1.5, *(0.1 + L.ravel() ** 2 / 2)))


def tiny_run(**more):
    x, y = np.eye(6), np.arange(6) % 2
    prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.2, 0.3))
    net = nets.mlp([6, 2], seed=0, dtype=np.float64)
    return net, lambda: TurboVBI(prior, epochs=4).fit(net, x, y, **more)


def test_a_run_that_is_stopped_by_a_plug_keeps_its_last_good_state():
    calls = []

    def breaks_later(posterior, incoming):
        calls.append(1)
        return (posterior - incoming) * (np.nan if len(calls) > 2 else 1.0)

    net, run = tiny_run()
    good, fit = tiny_run(callbacks=[lambda epoch, row, result: epoch == 1])
    fit()
    with use(extrinsic_a=breaks_later), pytest.raises(PlugError, match="extrinsic-a") as caught:
        run()
    assert len(caught.value.last_good.trace) == 2
    assert str(caught.value).endswith("the first at (0, 0): nan (epoch 2, layer 0)")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    for ours, theirs in zip(net.state(), good.state(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_is_stopped_after_an_epoch_is_put_back_too(monkeypatch):
    def breaks(run, *rest):
        raise MemoryError

    net, run = tiny_run()
    before = net.state()
    monkeypatch.setattr("tvbi_ref.turbo.run.Run.row", breaks)
    with pytest.raises(MemoryError):
        run()
    for ours, theirs in zip(net.state(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_two_functions_for_one_equation_in_a_run_are_refused():
    prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.2, 0.3))
    turbo = TurboVBI(prior, epochs=1, exchange="full_belief")
    data, says = (
        (np.eye(6), np.arange(6) % 2),
        r"in the place of %s, where tvbi_ref\.use has put yours",
    )
    for label in turbo.plugs:
        mine = use({label: SOCKETS[label].readable})
        with mine, pytest.raises(ValueError, match=says % label):
            turbo.fit(nets.mlp([6, 2], seed=0), *data)


# Threads and processes


def engine_of_here(_=None):
    return current().engine


def test_a_thread_that_does_not_know_says_so_and_one_that_is_told_does():
    with use("numpy"), ThreadPoolExecutor(2) as pool:
        with pytest.raises(RuntimeError, match=r"tvbi_ref.equations.carry\(function\)"):
            pool.submit(update_support, 1.0, 2.0).result()
        assert list(pool.map(carry(engine_of_here), range(3))) == ["numpy"] * 3
    with ThreadPoolExecutor(1) as pool:  # nobody has said anything
        assert pool.submit(update_support, 1.0, 2.0).result() == 3.0


def test_a_run_with_a_wrong_wire_does_not_disturb_other_threads():
    done = threading.Event()
    answers = []

    def callback(epoch, row, result):
        thread = threading.Thread(target=lambda: answers.append(update_support(1.0, 2.0)))
        thread.start()
        thread.join()
        done.set()

    x, prior = np.eye(6), HierarchicalPrior.spike_and_slab(ChainSupport(0.2, 0.3))
    TurboVBI(prior, epochs=1, exchange="full_belief").fit(
        nets.mlp([6, 2], seed=0), x, np.arange(6) % 2, callbacks=[callback]
    )
    assert done.is_set()
    assert answers == [3.0]


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.slow
def test_workers_of_joblib_see_what_is_carried_to_them(backend):
    def mine(prior_log_odds, evidence):
        return prior_log_odds - evidence

    with use("numpy", q_support=mine):
        calls = [joblib.delayed(carry(update_support))(3.0, 1.0) for _ in range(2)]
    assert joblib.Parallel(n_jobs=2, backend=backend)(calls) == [2.0, 2.0]


# What a function is


def test_a_socket_is_read_as_the_function_that_stands_in_the_file():
    assert "return np.sign(coupling)" in inspect.getsource(ising_message)
    assert list(inspect.signature(ising_message).parameters) == ["cavity", "coupling"]
    assert ising_message.__doc__.startswith("Return the message through a coupling")
    assert "Return the message through a coupling" in pydoc.render_doc(ising_message)
    assert pickle.loads(pickle.dumps(ising_message)) is ising_message
    assert repr(cavity) == "<[cavity] cavity(field, evidence, other_messages)>"


@needs_numba
def test_what_has_a_fast_form_shows_it():
    assert chain_messages.fast.__module__ == "tvbi_ref.fast.chain"
    assert cavity.fast is None


# Listening


def test_a_listener_hears_who_answered_in_what_order_and_how_deep():
    with use("numpy", sum_product=lambda c, psi: sum_product.readable(c, psi)), listen() as heard:
        chain_messages(L, 0.1, 0.3)
    assert [(c.label, c.whose, c.depth) for c in heard.calls] == [
        ("chain", "readable", 0),
        *[("cavity", "readable", 1), ("sum-product", "own", 1)] * 2,
    ]
    assert heard.labels == ["chain", "cavity", "sum-product"]
    assert heard.counts["cavity"] == 2
    assert heard.calls[0].given == "(2, 2) -1 to 3, 0.1, 0.3"
    assert heard.calls[0].group == "module_b"
    assert repr(heard) == "Heard(5 calls of 3 functions)"
    for text in (str(heard), heard._repr_markdown_()):
        assert "sum-product" in text
        assert "own" in text


def test_after_listening_nothing_is_left_of_it():
    before = current()
    with listen():
        assert len(current().listeners) == 1
    assert current() is before
    update_support(1.0, 2.0)
    assert current().plugs["q-support"] is update_support.readable


def test_two_listeners_hear_the_same():
    with listen() as outer, listen() as inner:
        update_support(1.0, 2.0)
    assert outer.counts == inner.counts == {"q-support": 1}


def test_a_long_run_is_counted_to_the_end_and_written_down_at_the_beginning(monkeypatch):
    monkeypatch.setattr("tvbi_ref.equations.listening.LONGEST", 3)
    with listen() as heard:
        for _ in range(50):
            update_support(1.0, 2.0)
    assert LONGEST > 1000
    assert len(heard.calls) == 3
    assert heard.counts["q-support"] == 50
    assert "and 10 calls more" in str(heard)


def test_an_error_is_heard_up_to_where_it_happened():
    heard = Heard()
    broken = heard.hearing("cavity", "own", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken()
    assert [(c.label, c.returned) for c in heard.calls] == [("cavity", "...")]
    heard.hearing("cavity", "own", lambda: 1.0)()
    assert heard.calls[1].depth == 0
