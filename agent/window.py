"""How much of the model's window a path takes: tokens as the endpoint counted them, reckoned where it has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.canonical import canonical
from agent.context import reckoned_tokens
from agent.tree import Tree


class Window:
    """Of one rollout. `room` is what a prompt may take so that the longest reply fits beside it."""

    def __init__(self, tree: Tree, head: int, tools: Sequence[dict[str, Any]], room: int) -> None:
        self.room = room
        self._tree, self._head = tree, head
        self._tools_tokens = reckoned_tokens([{"content": canonical(tools).decode()}])
        self._counted: dict[int, int] = {}
        """Tokens up to a node: up to a reply's as the endpoint counted them, from there on as they are reckoned."""

    def counted(self, node: int, tokens: int) -> None:
        """The endpoint's count of all up to a node."""
        self._counted[node] = tokens

    def tokens(self, leaf: int) -> int:
        """Of a path: as the endpoint counted them up to its last reply, and reckoned from there on."""
        since: list[int] = []
        at: int | None = leaf
        while at is not None and at not in self._counted:
            since.append(at)
            at = self._tree.nodes[at].parent_id
        tokens = self._tools_tokens if at is None else self._counted[at]
        for node_id in reversed(since):
            self._counted[node_id] = tokens = tokens + reckoned_tokens([self._tree.message(node_id)])
        return tokens

    def shrink_below(self, leaf: int) -> None:
        """The endpoint's window is smaller than we were told: what fits is shorter than this path."""
        self.room = min(self.room, self.tokens(leaf) - 1)

    def last_that_fits(self, leaf: int, instruction: str) -> int:
        """The leaf, or the last node before a reply that leaves room for an instruction; at least the head."""
        room = self.room - reckoned_tokens([{"content": instruction}])
        ids = self._tree.ids(leaf)
        # Before a reply every call has its result: there a conversation may be cut.
        places = [leaf] + [
            ids[place - 1]
            for place in range(len(ids) - 1, self._head - 1, -1)
            if self._tree.message(ids[place]).get("role") == "assistant"
        ]
        return next((node_id for node_id in places if self.tokens(node_id) <= room), places[-1])
