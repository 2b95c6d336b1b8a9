"""What a suite says that its subject lacks: checked, applied to the promises, and handed on to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

import attrs
import pytest

from clientmgmt.errors import ConfigurationError

__all__ = ["GAP", "Promises", "needs"]

GAP = "clientmgmt_gap"
"""The name of the property under which a test carries (suite, capability, reason) to the report."""

_NEED = "clientmgmt_need"

Test = TypeVar("Test", bound=Callable[..., object])


@attrs.frozen
class Need:
    """The capabilities that a promise takes; ``tried``: whether it is safe to try it without them."""

    capabilities: tuple[StrEnum, ...]
    tried: bool


def needs(*capabilities: StrEnum, tried: bool = False) -> Callable[[Test], Test]:
    """Mark a promise that only holds with these capabilities.

    Where one is declared to be lacking, the test is skipped; with ``tried`` it is run, and its failure expected.
    """

    def mark(test: Test) -> Test:
        vars(test)[_NEED] = Need(capabilities, tried)
        return test

    return mark


class Promises:
    """The base of the suites: knows what is lacking, and never skips in silence.

    ``lacks`` names capabilities with the reason why they are lacking.
    """

    lacks: ClassVar[Mapping[Any, str]] = {}
    capabilities: ClassVar[type[StrEnum]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        _check_declared(cls)
        _check_complete(cls)

    @pytest.fixture(autouse=True)
    def declared_gaps(self, request: pytest.FixtureRequest) -> None:
        """Skip what takes a capability that is lacking, or expect it to fail, and say so in the report."""
        need: Need = getattr(request.function, _NEED, Need((), tried=False))
        for capability in need.capabilities:
            if capability in self.lacks:
                self.report_gap(request, capability)
                reason = f"{type(self).__name__} lacks {capability}: {self.lacks[capability]}"
                if not need.tried:
                    pytest.skip(reason)
                request.applymarker(pytest.mark.xfail(reason=reason, strict=False))

    def report_gap(self, request: pytest.FixtureRequest, capability: StrEnum) -> None:
        """Let the summary at the end of the run name this gap."""
        gap = [type(self).__name__, str(capability), self.lacks[capability]]
        request.node.user_properties.append((GAP, gap))


def _check_declared(suite: type[Promises]) -> None:
    lacks: Mapping[object, object] = suite.lacks
    for capability, reason in lacks.items():
        if not isinstance(capability, suite.capabilities):
            known = ", ".join(f"{suite.capabilities.__name__}.{one.name}" for one in suite.capabilities)
            message = f"{suite.__name__}.lacks: {capability!r} is none of {known}"
            raise ConfigurationError(message)
        if not isinstance(reason, str) or not reason.strip():
            message = f"{suite.__name__}.lacks: say why {capability} is lacking"
            raise ConfigurationError(message)


def _check_complete(suite: type[Promises]) -> None:
    for name in dir(suite):
        if name.startswith("test_") and not callable(getattr(suite, name)):
            message = f"{suite.__name__}.{name}: a promise is not taken away; what may be lacking is named in `lacks`"
            raise ConfigurationError(message)
