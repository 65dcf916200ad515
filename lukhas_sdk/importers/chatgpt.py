"""ChatGPT's data export: `conversations.json`, alone or in its zip.

A conversation is a tree of nodes (`mapping`: id → {id, parent, children, message}), because answers can be asked for
again and questions rewritten. `current_node` is the last node of the branch that the person saw last: that branch is
read, the others are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.importers.base import Source, memories, moment, text_of
from lukhas_sdk.importers.export_file import elements

SPEAKERS = {"user": "user", "assistant": "ChatGPT"}
TEXT_KINDS = ("text", "multimodal_text", "code")
"""Kinds of content with something said in them; the others are reasoning, tool results and settings."""


def read(source: Source) -> Iterator[StoreRequest]:
    """An episodic memory a message of the user or the assistant."""
    for record, conversation in elements(source, "conversations"):
        try:
            yield from _read_conversation(conversation)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            source.broken(record, f"not a conversation: {type(error).__name__}: {error}")


def _read_conversation(conversation: dict[str, Any]) -> list[StoreRequest]:
    session = conversation.get("conversation_id") or conversation.get("id")
    found: list[StoreRequest] = []
    for message in _branch(conversation["mapping"], conversation.get("current_node")):
        text = _text(message)
        if text:
            role = message["author"]["role"]
            context = {
                "source": "chatgpt",
                "speaker": SPEAKERS[role],
                "timestamp": moment(message.get("create_time")) or moment(conversation.get("create_time")),
                "session": session,
                "title": text_of(conversation.get("title")),
            }
            found.extend(memories(text, type="episodic", context=context, tags=["chatgpt"]))
    return found


def _branch(mapping: dict[str, Any], current: object) -> list[dict[str, Any]]:
    """The messages from the root to `current`, or to the newest where that is missing."""
    node = mapping.get(current) if isinstance(current, str) else None
    if node is None:
        node = max((each for each in mapping.values() if each.get("message")), key=_when, default=None)
    path: list[dict[str, Any]] = []
    seen: set[int] = set()
    while node is not None and id(node) not in seen:
        seen.add(id(node))
        if node.get("message"):
            path.append(node["message"])
        node = mapping.get(node.get("parent"))
    return path[::-1]


def _when(node: dict[str, Any]) -> float:
    return float(node["message"].get("create_time") or 0.0)


def _text(message: dict[str, Any]) -> str:
    """What a person or the assistant said, nothing for the rest: system and tool messages, hidden ones, settings."""
    if message["author"]["role"] not in SPEAKERS or message.get("recipient", "all") != "all":
        return ""
    if (message.get("metadata") or {}).get("is_visually_hidden_from_conversation"):
        return ""
    content = message.get("content") or {}
    if content.get("content_type") not in TEXT_KINDS:
        return ""
    parts = content.get("parts") or [content.get("text")]
    return "\n\n".join(text.strip() for part in parts if (text := _part(part)).strip())


def _part(part: object) -> str:
    return text_of(part.get("text")) if isinstance(part, dict) else text_of(part)
