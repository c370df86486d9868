"""What a request costs in instructions must not grow unnoticed: each run of budget_runs against its committed figure.

Instructions, not time: they are the same on a busy machine. A change that takes more of them on purpose renews the
figures (tests/budget/renew.sh), and its diff says so.
"""

import json
import warnings

import pytest

from counting import (BUDGETS, CannotCount, built_with, instructions_per_operation, load_budgets, program, run_names,
                      too_many, total_of, worth_renewing)


@pytest.fixture(scope="module")
def budgets():
    if not program().exists():
        pytest.fail(f"{program()} is not built")
    figures = load_budgets()
    wanted, found = (figures["compiler"], figures["machine"]), built_with()
    if found != wanted:
        pytest.skip(f"the figures are for {' on '.join(wanted)}, and this was built with {' on '.join(found)}")
    return figures["instructions_per_operation"]


@pytest.mark.parametrize("run", json.loads(BUDGETS.read_text())["instructions_per_operation"])
def test_a_run_keeps_its_budget(budgets, run):
    counted = instructions_per_operation(run)
    problem = too_many(run, counted, budgets[run])
    assert problem is None, problem
    hint = worth_renewing(run, counted, budgets[run])
    if hint is not None:
        warnings.warn(hint)


def test_every_run_has_a_budget(budgets):
    assert list(budgets) == run_names(), "renew the figures with tests/budget/renew.sh"


# --- the checks can fail --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("counted, over, hint", [(94.9, False, True), (95.0, False, False), (100.0, False, False),
                                                 (105.0, False, False), (105.1, True, False)])
def test_five_percent_more_fails_and_five_percent_less_is_said(counted, over, hint):
    assert (too_many("run", counted, 100.0) is not None) == over
    assert (worth_renewing("run", counted, 100.0) is not None) == hint


def test_the_failure_says_how_much_and_what_to_do():
    message = too_many("resp_get", 1100.0, 1000.0)
    assert "resp_get" in message and "10.0% more" in message and "renew.sh" in message


def test_a_run_that_was_not_counted_is_no_bargain():
    assert total_of("events: Ir\nsummary: 17\ntotals: 17\n") == 17
    with pytest.raises(CannotCount):
        total_of("events: Ir\ntotals: 0\n")
