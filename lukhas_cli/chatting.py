"""A conversation on a terminal or in a pipe."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import msgspec

from lukhas_cli.live_answer import write_answer
from lukhas_cli.render.envelope import error_envelope, explain, print_json
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import one_line, printable
from lukhas_cli.render.trace import show_grounds
from lukhas_sdk.contract.feedback import GIVE, FeedbackRequest, Wish
from lukhas_sdk.contract.interactions import INTERACTIONS, SESSIONS, InteractionListParams, SessionListParams
from lukhas_sdk.contract.matriz import PROCESS, Context, PipelineOptions, ProcessRequest, ProcessResponse, ThoughtMode
from lukhas_sdk.contract.memory import STORE, MemoryContent, StoreRequest
from lukhas_sdk.contract.models import MODEL_LIST
from lukhas_sdk.errors import Exit, LukhasError, ValidationError

if TYPE_CHECKING:
    from lukhas_cli.session import Session

GOES_ON = timedelta(minutes=30)
PROMPT = "you> "
HELP = """/help            this list
/new             begin another conversation
/sessions        list conversations; /sessions ID goes over to one
/history [N]     what was said in this one
/mode MODE       analytical, creative, reflective or symbolic
/depth N         how far to look in memory, 0 to 5
/why             citations and trace of the last answer
/rate RATING     say that the last answer was good or bad, and how to write: /rate bad shorter
/remember TEXT   store a memory
/model           which language model answers
/quit            leave, as Ctrl-D does"""


class Chat:
    def __init__(self, session: Session, *, session_id: str | None, new: bool) -> None:
        if session_id is not None and new:
            raise ValidationError("--session and --new go one at a time", field="--new", hint="leave one out")
        self._session = session
        self._terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._mode: ThoughtMode = "analytical"
        self._depth: int | None = None
        self._last: ProcessResponse | None = None
        self._exit = Exit.OK
        self._session_id = session_id or (new_session_id() if new else self._latest())
        self._commands: dict[str, Callable[[str], None]] = {
            "help": lambda _: print(HELP),
            "new": self._begin,
            "sessions": self._sessions,
            "history": self._history,
            "mode": self._set_mode,
            "depth": self._set_depth,
            "why": self._why,
            "rate": self._rate,
            "remember": self._remember,
            "model": self._model,
        }

    def run(self) -> Exit:
        """Until the input ends. The exit code is the last error's in a pipe, 0 on a terminal."""
        if self._terminal:
            with suppress(ImportError):
                import readline  # noqa: F401  # arrow keys and what was typed before, for input()
            print(f"conversation {printable(self._session_id)}; /help lists commands, Ctrl-D leaves", file=sys.stderr)
        for line in self._lines():
            text = line.strip()
            if text in ("/quit", "/exit"):
                break
            if text:
                self._take(text)
        if self._session.json:
            print_json({"type": "end"})
        return Exit.OK if self._terminal else self._exit

    def _lines(self) -> Iterator[str]:
        if not self._terminal:
            yield from sys.stdin
            return
        while True:
            try:
                yield input(PROMPT)
            except KeyboardInterrupt:
                print()
            except EOFError:
                print()
                return

    def _take(self, text: str) -> None:
        try:
            name, _, rest = text[1:].partition(" ")
            if not text.startswith("/"):
                self._ask(text)
            elif name in self._commands:
                self._commands[name](rest.strip())
            else:
                raise ValidationError(f"no command is called /{name}", hint="/help lists them")
        except KeyboardInterrupt:
            self._session.client.close()
            if not self._terminal:
                raise
            print("\nstopped", file=sys.stderr)
        except LukhasError as error:
            self._exit = error.exit_code
            if self._session.json:
                print_json(error_envelope("chat", code=error.code, message=error.message, hint=error.hint))
            else:
                explain(error)
        sys.stdout.flush()

    def _ask(self, text: str) -> None:
        request = ProcessRequest(
            input=text,
            context=Context(session_id=self._session_id),
            pipeline_options=PipelineOptions(memory_depth=self._depth, thought_mode=self._mode),
        )
        if self._session.json:
            self._last = self._session.call(PROCESS, body=request)
            print_json(self._last)
        else:
            self._last = write_answer(self._session, request)

    def _begin(self, _: str) -> None:
        self._session_id = new_session_id()
        self._last = None
        print(f"conversation {self._session_id}", file=sys.stderr)

    def _sessions(self, name: str) -> None:
        if name:
            self._session_id, self._last = name, None
            print(f"conversation {printable(name)}", file=sys.stderr)
            return
        answer = self._session.call(SESSIONS, params=SessionListParams())
        Screen().table(
            ["", "id", "last", "said", "began with"],
            [
                ("*" if each.session_id == self._session_id else "", each.session_id,
                 f"{each.last_at.astimezone():%Y-%m-%d %H:%M}", each.interactions, each.first_input)
                for each in answer.sessions
            ],
            wide="began with", clip=True,
        )  # fmt: skip

    def _history(self, count: str) -> None:
        params = InteractionListParams(session_id=self._session_id, limit=_number(count or "10", 1, 200))
        for each in reversed(self._session.call(INTERACTIONS, params=params).interactions):
            print(f"{PROMPT}{one_line(each.input)}\n{printable(each.response)}\n")

    def _set_mode(self, name: str) -> None:
        if name not in get_args(ThoughtMode):
            raise ValidationError(f"no mode is called {name!r}", hint=f"one of {', '.join(get_args(ThoughtMode))}")
        self._mode = next(mode for mode in get_args(ThoughtMode) if mode == name)

    def _set_depth(self, depth: str) -> None:
        self._depth = _number(depth, 0, 5)

    def _why(self, _: str) -> None:
        if self._last is None:
            raise ValidationError("nothing was answered yet", hint="ask something first")
        show_grounds(Screen(), self._last)

    def _rate(self, words: str) -> None:
        if self._last is None:
            raise ValidationError("nothing was answered yet", hint="ask something first")
        rating, _, style = words.partition(" ")
        said = {"interaction_id": self._last.metadata.interaction_id, "rating": rating, "style": style.strip() or None}
        try:
            body = msgspec.convert(said, FeedbackRequest)
        except msgspec.ValidationError:
            wishes = ", ".join(get_args(Wish))
            raise ValidationError(
                f"{words!r} is no rating", hint=f"good or bad, then none or one of {wishes}"
            ) from None
        receipt = self._session.call(GIVE, body=body)
        if self._session.json:
            print_json(receipt)
            return
        print(f"{receipt.feedback.feedback_id}\t{receipt.feedback.rating}")
        for shift in receipt.shifts:
            print(f"{shift.setting}\t{shift.before}\t{shift.after}")

    def _remember(self, text: str) -> None:
        if not text:
            raise ValidationError("there is nothing to remember", hint="/remember TEXT")
        stored = self._session.call(STORE, body=StoreRequest(MemoryContent(type="semantic", data=text)))
        print(f"{stored.outcome}\t{stored.memory_id}")

    def _model(self, _: str) -> None:
        answer = self._session.call(MODEL_LIST)
        print(printable(answer.current or "none: answers are quoted from memory; see: lukhas model list"))

    def _latest(self) -> str:
        """The last conversation, where it is not over; else a new one."""
        found = self._session.call(SESSIONS, params=SessionListParams(limit=1)).sessions
        if found and datetime.now(UTC) - found[0].last_at < GOES_ON:
            return found[0].session_id
        return new_session_id()


def new_session_id() -> str:
    return f"chat_{datetime.now(UTC):%Y_%m_%d}_{secrets.token_hex(3)}"


def _number(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValidationError(f"{text!r} is not a number from {least} to {most}", hint="as /depth 2")
    return int(text)
