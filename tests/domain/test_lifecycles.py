"""The tables of states: every pair of state and trigger, and what is no table at all."""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import Any

import pytest
from transitions import Machine, MachineError

from clientmgmt.domain import CLIENT_LIFECYCLE, CONTACT_LIFECYCLE, INVITATION_LIFECYCLE, Lifecycle, Transition
from clientmgmt.errors import ConfigurationError, IllegalTransitionError

TABLES: dict[str, tuple[Lifecycle[Any, Any], str, dict[tuple[str, str], str]]] = {
    "client": (
        CLIENT_LIFECYCLE,
        "prospect",
        {
            ("prospect", "activate"): "active",
            ("prospect", "close"): "closed",
            ("active", "inactivate"): "inactive",
            ("active", "pause"): "paused",
            ("active", "close"): "closed",
            ("inactive", "activate"): "active",
            ("inactive", "pause"): "paused",
            ("inactive", "close"): "closed",
            ("paused", "activate"): "active",
            ("paused", "inactivate"): "inactive",
            ("paused", "close"): "closed",
            ("closed", "activate"): "active",
            ("closed", "inactivate"): "inactive",
        },
    ),
    "contact": (
        CONTACT_LIFECYCLE,
        "pending_invite",
        {
            ("pending_invite", "send_invite"): "invite_sent",
            ("pending_invite", "set_credential"): "invite_sent",
            ("pending_invite", "deactivate"): "inactive",
            ("invite_sent", "send_invite"): "invite_sent",
            ("invite_sent", "set_credential"): "invite_sent",
            ("invite_sent", "sign_in"): "active",
            ("invite_sent", "deactivate"): "inactive",
            ("active", "sign_in"): "active",
            ("active", "deactivate"): "inactive",
            ("inactive", "deactivate"): "inactive",
            ("inactive", "reactivate_without_credential"): "pending_invite",
            ("inactive", "reactivate_before_first_login"): "invite_sent",
            ("inactive", "reactivate_after_first_login"): "active",
        },
    ),
    "invitation": (
        INVITATION_LIFECYCLE,
        "open",
        {
            ("open", "accept"): "accepted",
            ("open", "supersede"): "superseded",
            ("open", "revoke"): "revoked",
            ("open", "expire"): "expired",
        },
    ),
}
each_table = pytest.mark.parametrize("name", TABLES)


def members(lifecycle: Lifecycle[Any, Any]) -> tuple[list[Enum], list[Enum]]:
    states: type[Enum] = type(lifecycle.initial)
    triggers: type[Enum] = type(lifecycle.transitions[0].trigger)
    return list(states), list(triggers)


@each_table
def test_every_pair_of_state_and_trigger_does_what_the_table_says(name: str) -> None:
    lifecycle, initial, table = TABLES[name]
    states, triggers = members(lifecycle)
    assert lifecycle.initial.value == initial
    for state, trigger in product(states, triggers):
        expected = table.get((state.value, trigger.value))
        assert lifecycle.allows(state, trigger) is (expected is not None)
        if expected is not None:
            assert lifecycle.target(state, trigger).value == expected
            continue
        with pytest.raises(IllegalTransitionError) as refused:
            lifecycle.target(state, trigger)
        error = refused.value
        legal = {known for source, known in table if source == state.value}
        assert (error.machine, error.state, error.trigger) == (name, state.value, trigger.value)
        assert set(error.legal) == legal
        assert all(word in str(error) for word in (state.value, trigger.value, *legal))


@each_table
def test_another_library_walks_the_same_tables(name: str) -> None:
    lifecycle, initial, table = TABLES[name]
    states, triggers = members(lifecycle)
    machine = Machine(states=[state.value for state in states], initial=initial, auto_transitions=False)
    for row in lifecycle.transitions:
        machine.add_transition(row.trigger.value, row.source.value, row.target.value)
    for state, trigger in product(states, triggers):
        machine.set_state(state.value)
        try:
            machine.trigger(trigger.value)
        except (MachineError, AttributeError):
            assert (state.value, trigger.value) not in table
        else:
            assert machine.state == table[state.value, trigger.value]


class Light(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Switch(Enum):
    ON = "on"
    OFF = "off"


GO = Transition(Light.RED, Switch.ON, Light.GREEN)


def test_a_pair_that_stands_twice_is_no_table() -> None:
    rows = [GO, Transition(Light.RED, Switch.ON, Light.BLUE)]
    with pytest.raises(ConfigurationError, match="twice"):
        Lifecycle("light", Light.RED, rows)


def test_a_state_that_nothing_leads_to_is_no_table() -> None:
    with pytest.raises(ConfigurationError, match="blue"):
        Lifecycle("light", Light.RED, [GO])


@pytest.mark.parametrize("rows", [[(Light.BLUE, Light.BLUE)], [(Light.BLUE, Light.BLUE), (Light.GREEN, Light.RED)]])
def test_a_state_that_only_itself_leads_to_is_no_table(rows: list[tuple[Light, Light]]) -> None:
    loops = [Transition(source, Switch.OFF, target) for source, target in rows]
    with pytest.raises(ConfigurationError):
        Lifecycle("light", Light.RED, [GO, *loops])


def test_a_table_draws_itself() -> None:
    lifecycle = Lifecycle("light", Light.RED, [GO, Transition(Light.GREEN, Switch.OFF, Light.BLUE)])
    assert lifecycle.to_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> red",
        "    red --> green: on",
        "    green --> blue: off",
    ]
    assert lifecycle.legal(Light.BLUE) == ()
    with pytest.raises(IllegalTransitionError, match="nothing"):
        lifecycle.target(Light.BLUE, Switch.ON)
