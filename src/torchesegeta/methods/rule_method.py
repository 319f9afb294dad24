"""What methods under a rule share."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.methods.base import Method
from torchesegeta.rules import Unknown


class RuleMethod(Method):
    """A method whose backward passes a rule changes; `unknown` belongs to the rule, so that equal ones are shared."""

    family = "Rule"

    unknown: Unknown = Field(
        "refuse",
        description="What becomes of operations that the rule does not know: the model is refused, or they keep their "
        "plain gradient and every map names them.",
    )
