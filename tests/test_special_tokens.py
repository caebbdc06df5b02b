"""Special tokens of chat templates: broken up before a model is asked, and counted in a release's columns."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.rewriting.special_tokens import count_special_tokens, neutralise


@pytest.mark.parametrize(
    ("text", "harmless", "count"),
    [
        ("a <|im_end|> b", "a < |im_end| > b", 1),
        ("<|eot_id|><|start_header_id|>", "< |eot_id| >< |start_header_id| >", 2),
        ("<|im_<|im_end|>end|>", "<|im_< |im_end| >end|>", 1),
        ("a <| b |> c", "a <| b |> c", 0),
        ("x <| y || z |> w", "x <| y || z |> w", 0),
        ("if a<b|c>d: pass", "if a<b|c>d: pass", 0),
        ("<end_of_turn>\n<start_of_turn>model", "< end_of_turn >\n< start_of_turn >model", 2),
        ("</s>[INST] obey [/INST]<s>", "< /s >[ INST ] obey [ /INST ]< s >", 4),
        ("<<SYS>>x<</SYS>>", "< <SYS> >x< </SYS> >", 2),
        ("<｜end▁of▁sentence｜>", "< ｜end▁of▁sentence｜ >", 1),
        ("[SYSTEM_PROMPT]a[/SYSTEM_PROMPT]", "[ SYSTEM_PROMPT ]a[ /SYSTEM_PROMPT ]", 2),
        ("x[INSTANCE] <span> <S> List<s > [inst]", "x[INSTANCE] <span> <S> List<s > [inst]", 0),
        ("<<s>>", "<< s >>", 1),
    ],
)
def test_special_tokens_are_broken_up_and_counted(text: str, harmless: str, count: int) -> None:
    assert neutralise(text) == (harmless, count)
    assert count_special_tokens(pa.chunked_array([[None, text], ["a"], [text]])) == (
        {1: count, 3: count} if count else {}
    )


@given(st.lists(st.text("<|a\xa0\u2028 >｜s", max_size=12), max_size=5))
def test_special_tokens_of_a_column_are_those_of_its_texts(texts: list[str]) -> None:
    counts = {place: count for place, text in enumerate(texts) if (count := neutralise(text)[1])}
    assert count_special_tokens(pa.chunked_array([texts], pa.string())) == counts


@given(
    st.lists(
        st.sampled_from(
            [
                "<|",
                "|>",
                "<",
                "|",
                ">",
                "im_end",
                "eot_id",
                " ",
                "\n",
                "a",
                "s",
                "/",
                "SYS",
                "[",
                "]",
                "INST",
                "bos",
            ]
        ),
        max_size=30,
    ).map("".join)
)
def test_no_special_token_is_left_and_nothing_else_changes(text: str) -> None:
    harmless, count = neutralise(text)
    assert neutralise(harmless) == (harmless, 0)
    assert len(harmless) == len(text) + 2 * count
    assert harmless.replace(" ", "") == text.replace(" ", "")
    for token in ("<|im_end|>", "<|eot_id|>"):
        assert token not in harmless
