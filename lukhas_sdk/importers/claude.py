"""Claude's data export: `conversations.json` (a list of conversations with `chat_messages`), alone or in its zip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.importers.base import Source, memories, text_of
from lukhas_sdk.importers.export_file import elements

SPEAKERS = {"human": "user", "assistant": "Claude"}


def read(source: Source) -> Iterator[StoreRequest]:
    """An episodic memory a message; what was extracted from an attachment follows the message that it came with."""
    for record, conversation in elements(source, "conversations"):
        try:
            yield from _read_conversation(conversation)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            source.broken(record, f"not a conversation: {type(error).__name__}: {error}")


def _read_conversation(conversation: dict[str, Any]) -> list[StoreRequest]:
    found: list[StoreRequest] = []
    for message in conversation["chat_messages"]:
        if message["sender"] not in SPEAKERS:
            continue
        context = {
            "source": "claude",
            "speaker": SPEAKERS[message["sender"]],
            "timestamp": text_of(message.get("created_at")) or text_of(conversation.get("created_at")),
            "session": conversation.get("uuid"),
            "title": text_of(conversation.get("name")),
        }
        found.extend(memories(_text(message), type="episodic", context=context, tags=["claude"]))
        for attachment in message.get("attachments") or []:
            about = {**context, "attachment": text_of(attachment.get("file_name"))}
            text = text_of(attachment.get("extracted_content"))
            found.extend(memories(text, type="episodic", context=about, tags=["claude"]))
    return found


def _text(message: dict[str, Any]) -> str:
    """The text blocks; older exports have `text` alone. Reasoning and tool use are not what was said."""
    blocks = message.get("content") or []
    said = [text_of(block.get("text")).strip() for block in blocks if block.get("type") == "text"]
    return "\n\n".join(text for text in said if text) or text_of(message.get("text"))
