"""Read traces with verifiers itself: `read_verifiers.py FILE` prints what it makes of each."""

import json
import sys
from pathlib import Path

from verifiers.v1.trace import WireTrace

read = []
for line in Path(sys.argv[1]).read_bytes().splitlines():
    trace = WireTrace.model_validate_json(line)
    whole = trace.branches[-1]
    read.append(
        {
            "id": trace.id,
            "ok": trace.ok,
            "stop": trace.stop_condition,
            "turns": trace.num_turns,
            "branches": trace.num_branches,
            "roles": [message.role for message in trace.messages],
            "tools": [tool.name for tool in trace.tools],
            "prompt": trace.task.data.prompt,
            "model": trace.agent.config.model,
            "usage": trace.usage and [trace.usage.prompt_tokens, trace.usage.completion_tokens],
            "token_ids": whole.token_ids,
            "mask": whole.sampled_mask,
            "logprobs": whole.logprobs,
        }
    )
print(json.dumps(read))
