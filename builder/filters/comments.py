"""The comment penalty of SwallowCode: comments are counted as tokens (arXiv 2505.02881, section 3).

Also loaded by `zygote` in a bare interpreter, so it imports nothing of this project.
"""

from __future__ import annotations

import io
import tokenize


def penalised(pylint_score: float | None, ratio: float) -> float | None:
    """Return the score after the penalty: score × (1 - ratio), 0 for nothing but comments."""
    if pylint_score is None:
        return None
    return 0.0 if ratio == 1 else pylint_score * (1 - ratio)


def comment_ratio(text: str) -> float:
    """Return COMMENT tokens / all tokens; 0 where the text can't be tokenized."""
    comments = total = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            total += 1
            comments += token.type == tokenize.COMMENT
    except Exception:  # noqa: BLE001 - 3.12's tokenizer raises UnicodeDecodeError and SystemError, too
        return 0.0
    return comments / total if total else 0.0
