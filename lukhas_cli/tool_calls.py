"""What a coding agent's hook is told, as actions for the guardian.

The protocol: one JSON object on stdin with `hook_event_name`; a tool's name and input before it is used, its response
afterwards, or what the user typed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import msgspec

from lukhas_sdk.contract.guardian import ActionType, GuardianAction
from lukhas_sdk.errors import ValidationError

SHELLS = frozenset({
    "bash", "shell", "local_shell", "exec_command", "execute_command", "run_command", "run_shell_command",
})  # fmt: skip
WRITERS = frozenset({
    "write", "edit", "multiedit", "notebookedit", "apply_patch", "write_file", "edit_file", "create_file", "replace",
})  # fmt: skip
WRITTEN = ("content", "new_string", "new_source", "file_text", "edits")
"""Fields of a writing tool's input that hold what is written."""
PATHS = ("file_path", "notebook_path", "path")
TARGET = re.compile(r"(?:\*\*\* (?:Add|Update|Move to) ?(?:File)?: |\+\+\+ b/)(.+)")
LONGEST = 1_000_000
OVERLAP = 2_000
"""Characters: a longer text is judged in pieces that share so much."""
LONGEST_EVENT = 16_000_000
UNJUDGED = frozenset(
    {"Notification", "PreCompact", "SessionEnd", "SessionStart", "Stop", "SubagentStart", "SubagentStop"}
)


class Event(msgspec.Struct, frozen=True):
    hook_event_name: str
    session_id: str | None = None
    turn_id: str | None = None
    """Sent by an agent that takes "ask" for an error, and then goes ahead."""
    tool_name: str = ""
    tool_input: Any = None
    tool_response: Any = None
    prompt: str | None = None

    @property
    def can_ask(self) -> bool:
        return self.hook_event_name == "PreToolUse" and self.turn_id is None


def read_event(raw: bytes) -> Event:
    if len(raw) > LONGEST_EVENT:
        raise ValidationError(f"the event is larger than {LONGEST_EVENT} bytes", hint="it cannot be judged")
    try:
        return msgspec.json.decode(raw, type=Event)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValidationError(
            f"stdin holds no event of a hook: {error}", hint="see: lukhas guardian hook --help"
        ) from None


def actions_of(event: Event) -> list[GuardianAction]:
    """What is to be judged; nothing where the event only tells that something happened."""
    name = event.hook_event_name
    if name == "PreToolUse":
        return list(before(event.tool_name, event.tool_input))
    if name == "PostToolUse":
        return list(after(event))
    if name == "UserPromptSubmit":
        if event.prompt is None:
            raise ValidationError("the event UserPromptSubmit has no prompt", hint="see: lukhas guardian hook --help")
        return list(pieces("user_input", event.prompt))
    if name in UNJUDGED:
        return []
    raise ValidationError(
        f"the event {name!r} is not known here", hint="use PreToolUse, PostToolUse and UserPromptSubmit"
    )


def before(tool: str, given: Any) -> Iterator[GuardianAction]:
    fields: dict[str, Any] = given if isinstance(given, dict) else {}
    name = tool.lower()
    command = as_command(fields.get("command"))
    if name in SHELLS and command is not None:
        yield from pieces("shell_command", command)
    elif name in WRITERS and (written := list(texts([fields.get(key) for key in WRITTEN], only="new_string"))):
        yield from pieces("file_write", "\n".join(written))
        yield from aimed(fields)
    elif name == "apply_patch" and (patch := fields.get("input") or fields.get("patch") or command):
        lines = str(patch).splitlines()
        added = [line[1:] for line in lines if line.startswith("+") and not line.startswith("+++ ")]
        yield from pieces("file_write", "\n".join(added))
        for line in lines:
            if target := TARGET.match(line):
                yield from aimed({"path": target[1]})
    elif name == "webfetch" and isinstance(fields.get("url"), str):
        yield from pieces("http_request", "\n".join(texts([fields["url"], fields.get("prompt")])))
    else:
        whole = msgspec.json.encode({"name": tool, "arguments": given}).decode()
        yield from pieces("http_request" if isinstance(fields.get("url"), str) else "tool_call", whole)


def after(event: Event) -> Iterator[GuardianAction]:
    """The response as the model reads it. What a writing tool echoes was judged before it was written."""
    if event.tool_name.lower() in WRITERS:
        return
    asked = event.tool_input.get("prompt") if isinstance(event.tool_input, dict) else None
    intent = asked[:10_000] if isinstance(asked, str) and asked.strip() else None
    for action in pieces("tool_output", "\n".join(texts(event.tool_response))):
        yield msgspec.structs.replace(action, intent=intent)


def aimed(fields: dict[str, Any]) -> Iterator[GuardianAction]:
    """The file that is written to, as a redirection: rules on commands know which files are dangerous to change."""
    path = next((fields[key] for key in PATHS if isinstance(fields.get(key), str)), None)
    if path:
        yield from pieces("shell_command", f": >> {shlex.quote(path)}")


def pieces(type: ActionType, text: str) -> Iterator[GuardianAction]:
    """`text` in pieces that the guardian takes; none where there is nothing but white space."""
    if text.strip():
        for start in range(0, max(1, len(text) - OVERLAP), LONGEST - OVERLAP):
            yield GuardianAction(type, text[start : start + LONGEST])


def texts(value: Any, *, only: str | None = None) -> Iterator[str]:
    """Every string inside `value`, in order; of objects the field `only`, where it is given."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, only=only)
    elif isinstance(value, dict):
        for key, each in value.items():
            if only in (None, key):
                yield from texts(each, only=only)


def as_command(value: Any) -> str | None:
    """A command line; an agent may give it as a list of words, such as `["bash", "-lc", "ls"]`."""
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return shlex.join(value)
    return value if isinstance(value, str) else None
