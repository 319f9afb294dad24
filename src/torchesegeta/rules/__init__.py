"""Rules: changed backward steps that act on operations, however they are called."""

from torchesegeta.rules.audit import audit
from torchesegeta.rules.base import Rule
from torchesegeta.rules.deconvolution import Deconvolution
from torchesegeta.rules.deeplift import DeepLift
from torchesegeta.rules.guided import Guided
from torchesegeta.rules.mode import RuleMode, check_model, check_output, under
from torchesegeta.rules.reveal_cancel import RevealCancel
from torchesegeta.rules.tape import Tape

__all__ = [
    "DeepLift",
    "Deconvolution",
    "Guided",
    "RevealCancel",
    "Rule",
    "RuleMode",
    "Tape",
    "audit",
    "check_model",
    "check_output",
    "under",
]
