"""What an answer must pass. docs/checks.md lists them; a new one is a module, a line in `CHECKS`, a test."""

from builder.checks.base import AnswerCheck, PairCheck
from builder.checks.chatter import Chatter
from builder.checks.degenerate import Degenerate
from builder.checks.final_answer import FinalAnswer
from builder.checks.grounded import Grounded
from builder.checks.latex import Latex
from builder.checks.length_ratio import LengthRatio
from builder.checks.page_debris import PageDebris
from builder.checks.public_names import PublicNames
from builder.checks.same_code import SameCode
from builder.checks.self_contained import SelfContained

CHECKS: dict[str, type[PairCheck]] = {
    "chatter": Chatter,
    "degenerate": Degenerate,
    "final_answer": FinalAnswer,
    "grounded": Grounded,
    "latex": Latex,
    "length_ratio": LengthRatio,
    "page_debris": PageDebris,
    "public_names": PublicNames,
    "same_code": SameCode,
    "self_contained": SelfContained,
}

__all__ = ["CHECKS", "AnswerCheck", "PairCheck"]
