"""ShareGPT as REDSearcher released its trajectories (REDSearcher_SFT_10K), and as ms-swift reads them.

Row: {"meta": {"question", "answer"}, "messages": [{"role", "content"}], "system_prompt"}. Reasoning, calls and answers
are <think>, <tool_call> and <answer> in the text, results of tools are <tool_response> in a user's message. A rollout
that spoke so is written as it was; others are written in these tags. `meta.answer` is the gold answer, which no record
has: it is null here, and training/ joins it by the question.
"""

from __future__ import annotations

from typing import Any

from agent.canonical import safe_json
from agent.exports.parts import Exchange, Made, Unfit, exchanges
from agent.formats import hermes_instructions
from agent.records import Episode

KEEPS = ("question", "calls and observations", "reasoning", "answer")


def row(episode: Episode) -> dict[str, Any]:
    """Raises Unfit where a call's arguments are no object: in these tags they cannot be written."""
    whole = exchanges(episode)
    as_it_was = episode.agent.format == "hermes"
    system = whole.system
    if not as_it_was and episode.tools:
        system = "\n\n".join(filter(None, (system, hermes_instructions(episode.tools))))
    messages = [{"role": "user", "content": text} for text in (whole.question, *whole.before)]
    for place, one in enumerate(whole.exchanges, 1):
        answer = episode.answer.text if episode.answer and place == len(whole.exchanges) else None
        messages.append({"role": "assistant", "content": one.content if as_it_was else _reply(one, answer)})
        if one.calls:
            messages.append({"role": "user", "content": "\n".join(_response(made) for made in one.calls)})
        messages += [{"role": "user", "content": text} for text in one.told]
    return {"meta": {"question": whole.question, "answer": None}, "messages": messages, "system_prompt": system}


def _reply(one: Exchange, answer: str | None) -> str:
    parts = [f"<think>\n{one.reasoning}\n</think>"] if one.reasoning else []
    if answer is None:
        parts += [one.text] if one.text else []
    parts += [_call(made) for made in one.calls]
    parts += [f"<answer>{answer}</answer>"] if answer is not None else []
    return "\n".join(parts)


def _call(made: Made) -> str:
    if not isinstance(made.arguments, dict):
        raise Unfit("the arguments of a call are no JSON object")
    # Written \/ so that a closing tag inside a string does not end the call.
    written = safe_json({"name": made.name, "arguments": made.arguments}).decode().replace("</", "<\\/")
    return f"<tool_call>\n{written}\n</tool_call>"


def _response(made: Made) -> str:
    return (
        f"<tool_response>\n{made.observation.replace('</tool_response>', '&lt;/tool_response&gt;')}\n</tool_response>"
    )
