"""The exception tree is data: what to do, and what the process ends with."""

from __future__ import annotations

import inspect

import pytest

from xsmom import errors
from xsmom.errors import Response, XsmomError

EXPECTED = {
    "XsmomError": (Response.HALT, 1),
    "ConfigError": (Response.HALT, 3),
    "DataError": (Response.HALT, 4),
    "KernelError": (Response.HALT, 4),
    "MissingExtraError": (Response.HALT, 5),
    "OutputError": (Response.HALT, 6),
    "VenueError": (Response.HALT, 10),
    "Unavailable": (Response.RETRY, 11),
    "RateLimited": (Response.RETRY, 12),
    "Rejected": (Response.SKIP, 13),
    "OutcomeUnknown": (Response.RECONCILE, 14),
    "AuthFailed": (Response.HALT, 15),
    "StateError": (Response.HALT, 20),
    "BookMismatch": (Response.RECONCILE, 21),
    "JournalCorrupt": (Response.HALT, 22),
}
FAMILIES = {
    errors.VenueError: {"Unavailable", "RateLimited", "Rejected", "OutcomeUnknown", "AuthFailed"},
    errors.StateError: {"BookMismatch", "JournalCorrupt"},
    errors.DataError: {"KernelError"},
}


def classes() -> dict[str, type[XsmomError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, XsmomError)}


def test_the_tree_is_exactly_this() -> None:
    found = {name: (kind.response, kind.exit_code) for name, kind in classes().items()}
    assert found == EXPECTED


@pytest.mark.parametrize(("parent", "children"), FAMILIES.items())
def test_families(parent: type[XsmomError], children: set[str]) -> None:
    assert {kind.__name__ for kind in parent.__subclasses__()} == children


def test_every_class_says_what_it_means() -> None:
    for name, kind in classes().items():
        assert "__doc__" in vars(kind), name
        assert (kind.__doc__ or "").rstrip().endswith("."), name


def test_no_exit_code_of_ours_is_taken_by_a_shell_or_by_usage() -> None:
    taken = {2, *range(64, 79), *range(126, 256)}
    assert not taken & {kind.exit_code for kind in classes().values()}
