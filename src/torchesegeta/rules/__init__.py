"""Rules: changed backward steps that act on operations, however they are called."""

from torchesegeta.rules.audit import audit
from torchesegeta.rules.base import Rule
from torchesegeta.rules.deconvolution import Deconvolution
from torchesegeta.rules.deeplift import DeepLift
from torchesegeta.rules.excitation import Excitation
from torchesegeta.rules.guided import Guided
from torchesegeta.rules.lrp import Lrp
from torchesegeta.rules.mode import RuleMode, check_model, check_output, under
from torchesegeta.rules.ruled import started
from torchesegeta.rules.tape import Tape

__all__ = [
    "DeepLift",
    "Deconvolution",
    "Excitation",
    "Guided",
    "Lrp",
    "Rule",
    "RuleMode",
    "Tape",
    "audit",
    "check_model",
    "check_output",
    "started",
    "under",
]
