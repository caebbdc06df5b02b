"""Control tokens of the best-known models, as their tokenizer files list them.

Used where a model's own tokenizer can't be had, and to ask a server which of them it knows.
"""

from __future__ import annotations

from collections.abc import Iterator

_ORDINARY = (
    "<s> <unk> <pad> <mask> <bos> <cls> <sep> <filename> <tool> </tool> <role> </role> <assistant> <EOT>"
    " <repo_name> <reponame> <arg_key> <arg_value> [PREFIX] [SUFFIX] [MIDDLE] [IMG] [AUDIO]"
    " [ARGS] [MASK] [UNK] [PAD] [CLS] [SEP] [BOS] [EOS]"
)
ORDINARY = frozenset(_ORDINARY.split())
"""Those that are ordinary text too often to be taken for tokens where the model is not known; none ends a turn."""

_PIPED = {
    "Llama 3": "begin_of_text end_of_text start_header_id end_header_id eom_id eot_id python_tag"
    " finetune_right_pad_id image step",
    "Llama 4": "header_start header_end eom eot python_start python_end image_start image_end text_post_train"
    " reasoning_thinking_start reasoning_thinking_end tool_call_start tool_call_end",
    "ChatML, Qwen, Yi, SmolLM": "im_start im_end im_sep endoftext startoftext endofprompt endofturn startofturn",
    "Qwen": "object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start"
    " vision_end vision_pad image_pad video_pad audio_start audio_end fim_prefix fim_middle fim_suffix fim_pad"
    " repo_name file_sep",
    "DeepSeek Coder, Spark": "EOT User Assistant System Bot Tool",
    "Phi": "system user assistant end tool /tool tool_call /tool_call tool_response tag dummy_0 fim",
    "gpt-oss": "start message channel constrain return call endofprompt refusal reserved_200000",
    "GLM": "begin_of_image end_of_image observation begin_of_video end_of_video begin_of_audio end_of_audio"
    " begin_of_transcription end_of_transcription begin_of_box end_of_box code_prefix code_middle"
    " code_suffix",
    "Kimi": "im_user im_assistant im_system im_middle media_start media_content media_end media_pad"
    " tool_calls_section_begin tool_calls_section_end tool_call_begin tool_call_argument_begin tool_call_end open"
    " close sep end_of_msg",
    "Granite": "start_of_role end_of_role end_of_text start_of_cite end_of_cite start_of_plugin end_of_plugin",
    "Command R": "START_OF_TURN_TOKEN END_OF_TURN_TOKEN USER_TOKEN CHATBOT_TOKEN SYSTEM_TOKEN START_THINKING"
    " END_THINKING START_RESPONSE END_RESPONSE START_ACTION END_ACTION START_TOOL_RESULT END_TOOL_RESULT"
    " START_TEXT END_TEXT YES_TOKEN NO_TOKEN GOOD_TOKEN BAD_TOKEN EOP_TOKEN",
    "OLMo, InternLM": "begin_of_thought end_of_thought begin_of_solution end_of_solution action_start"
    " action_end interpreter plugin functions /functions pad fim_hole",
    "Gemma 4": "think audio video patch",
    "Qwen Omni": "audio_bos audio_eos vision_bos vision_eos AUDIO IMAGE VIDEO",
    "Jamba": "bom",
    "LFM2": "tool_list_start tool_list_end tool_response_start tool_response_end cot_start cot_end file_start"
    " file_end fim_pre fim_mid fim_suf review_start review_end",
    "Apertus": "system_start system_end developer_start developer_end user_start user_end assistant_start"
    " assistant_end inner_prefix inner_suffix tools_prefix tools_suffix",
    "Apriel": "begin_system begin_user begin_assistant begin_content begin_tool_result content tool_result",
    "Solar": "begin content think calls flush tool_calls tool:begin tool:end tools:begin tools:end tool_call:begin"
    " tool_call:name tool_call:args tool_call:end tool_response:begin tool_response:id tool_response:name"
    " tool_response:result tool_response:end",
    "GigaChat, Ling, Grok, PLaMo": "message_sep role_sep role_start role_end separator function_call function_list"
    " function_output plamo:bos plamo:eos plamo:msg plamo:op",
    "ERNIE, Step, OpenChat, Trillion": "begin_of_sentence end_of_sentence BOT turn_end tool_declare end_of_turn"
    " endofsystem endofuserprompt endofresponse userprompt response",
    "Hunyuan": "extra_0 extra_4 startoftext eos bos",
}
_DEEPSEEK = (
    "begin▁of▁sentence end▁of▁sentence ▁pad▁ User Assistant fim▁hole fim▁begin fim▁end tool▁calls▁begin"
    " tool▁calls▁end tool▁call▁begin tool▁call▁end tool▁outputs▁begin tool▁outputs▁end tool▁output▁begin"
    " tool▁output▁end tool▁sep start▁of▁sentence hy_begin▁of▁sentence hy_User hy_Assistant hy_EOT"
    " hy_place▁holder▁no▁2 hy_place▁holder▁no▁3 hy_place▁holder▁no▁8 reasoning_mode"
)
_HUNYUAN_3 = "think tool_calls tool_call tool_sep arg_key arg_value tool_responses tool_response"
_GEMMA_4 = "turn channel tool tool_call tool_response image audio video"
_ANGLED = (
    "s /s unk pad mask bos eos start_of_turn end_of_turn think /think tool_call /tool_call tool_response"
    " /tool_response arg_key /arg_key arg_value /arg_value start_of_image end_of_image image_soft_token"
    " start_of_audio end_of_audio audio_soft_token"
    " fim_prefix fim_middle fim_suffix fim_pad file_sep repo_name reponame filename gh_stars issue_start"
    " issue_comment issue_closed jupyter_start jupyter_text jupyter_code jupyter_output jupyter_script"
    " empty_output commit_before commit_msg commit_after seed:think /seed:think seed:bos seed:eos"
    " seed:tool_call /seed:tool_call minimax:tool_call /minimax:tool_call tool /tool extra_id_0 cls sep"
    " SPECIAL_10 SPECIAL_11 SPECIAL_12 longcat_think /longcat_think longcat_s longcat_system longcat_user"
    " mm:think /mm:think seed:pad seed:cot_budget_reflect /seed:cot_budget_reflect sop eop BOS_TOKEN EOS_TOKEN"
    " EOP_TOKEN beginning_of_sentence end_of_sentence end_of_utterance assistant /assistant role /role EOT"
    " longcat_assistant /longcat_s ifm|think_start ifm|think_end reserved_0 TOOLCALL /TOOLCALL"
)
_SQUARE = (
    "INST /INST SYSTEM_PROMPT /SYSTEM_PROMPT AVAILABLE_TOOLS /AVAILABLE_TOOLS TOOL_RESULTS /TOOL_RESULTS"
    " TOOL_CALLS TOOL_CONTENT CALL_ID ARGS THINK /THINK MODEL_SETTINGS /MODEL_SETTINGS IMG IMG_BREAK IMG_END"
    " BEGIN_AUDIO AUDIO PREFIX MIDDLE SUFFIX gMASK sMASK MASK UNK PAD CLS SEP EGMASK BOS EOS EOT"
)
_OTHERS = (
    '<<SYS>> <</SYS>> ◁think▷ ◁/think▷ ]~b] ]~!b[ [e~[ ]<]minimax[>[ ]<]image[>[ ]<]video[>[ <|"|> [|endofturn|]'
    " [|system|] [|user|] [|assistant|] [|tool|] ｜DSML｜ <用户> <reserved_106> <reserved_107> [UNUSED_TOKEN_145]"
    " [UNUSED_TOKEN_146]"
)


def known_tokens() -> Iterator[str]:
    """Yield them all."""
    for names in _PIPED.values():
        yield from (f"<|{name}|>" for name in names.split())
    yield from (f"<|reserved_special_token_{number}|>" for number in range(248))
    yield from (f"<｜{name}｜>" for name in _DEEPSEEK.split())
    for name in ("eos", "begin_of_sentence", "pad", "User", "Assistant"):
        yield f"<｜hy_{name}:opensource｜>"
    for name in _HUNYUAN_3.split():
        yield from (f"<{name}:opensource>", f"</{name}:opensource>")
    for name in _GEMMA_4.split():
        yield from (f"<|{name}>", f"<{name}|>")
    yield from (f"<{name}>" for name in _ANGLED.split())
    yield from (f"[{name}]" for name in _SQUARE.split())
    yield from _OTHERS.split()
