"""Rules: changed backward steps that act on operations, however they are called."""

from torchesegeta.rules.audit import audit, judge
from torchesegeta.rules.base import NoRule, Rule, Unknown
from torchesegeta.rules.deconvolution import Deconvolution
from torchesegeta.rules.deeplift import DeepLift
from torchesegeta.rules.excitation import Excitation
from torchesegeta.rules.guided import Guided
from torchesegeta.rules.lrp import Lrp
from torchesegeta.rules.mode import RuleMode, check_model, check_output, under
from torchesegeta.rules.programs import in_pieces
from torchesegeta.rules.reveal_cancel import RevealCancel
from torchesegeta.rules.ruled import started
from torchesegeta.rules.tape import Tape

__all__ = [
    "DeepLift",
    "Deconvolution",
    "Excitation",
    "Guided",
    "Lrp",
    "NoRule",
    "RevealCancel",
    "Rule",
    "RuleMode",
    "Tape",
    "Unknown",
    "audit",
    "check_model",
    "check_output",
    "started",
    "in_pieces",
    "judge",
    "under",
]
