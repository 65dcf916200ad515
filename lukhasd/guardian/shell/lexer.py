"""Reads the words of shell text: quotes, parameters, substitutions. Nothing is expanded here."""

from __future__ import annotations

import re
from collections.abc import Callable

from lukhasd.guardian.shell.words import Literal, Parameter, Script, Substitution, Template, Unparsable

MAX_DEPTH = 12
PLAIN = re.compile(r"[^ \t\r\n;|&<>()'\"\\$`]+")
IN_DOUBLE = re.compile(r'[^"\\$`]+')
VARIABLE = re.compile(r"\$(\w{1,100}|[@*#?$!-])")
BRACED = re.compile(r"(!?)(\w{1,100}|[@*#?$!-])(?:\[([^\]]{0,100})\])?", re.S)
OPERATOR = re.compile(r":?[-=?+]|%%?|##?|//?|:|\^\^?|,,?|@")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
ANSI_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|([0-7]{1,3})|(.))", re.S)


class Lexer:
    """Reads `source` word by word. Spans are offsets into it, or `fixed` where the text came out of a quoted word."""

    def __init__(
        self,
        source: str,
        check: Callable[[], None],
        *,
        depth: int = 0,
        fixed: tuple[int, int] | None = None,
    ) -> None:
        if depth > MAX_DEPTH:
            raise Unparsable(f"it is nested more than {MAX_DEPTH} deep")
        self.source = source
        self.check = check
        self.depth = depth
        self.fixed = fixed
        self.at = 0

    def inside(self, closing: str | None) -> Script:
        """The commands up to and past `closing`, read at the next depth."""
        raise Unparsable("a substitution stands where none can be read")

    def deeper(self, text: str, fixed: tuple[int, int]) -> Lexer:
        """A reader of `text` at the next depth."""
        return type(self)(text, self.check, depth=self.depth + 1, fixed=fixed)

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self.fixed or (start, end)

    def word(self) -> Template | None:
        """The word at the present place, or None where there is none."""
        source, start = self.source, self.at
        parts: list[Literal | Parameter | Substitution] = []
        while self.at < len(source):
            character = source[self.at]
            if match := PLAIN.match(source, self.at):
                parts.append(Literal(match[0], False))
                self.at = match.end()
            elif character == "'":
                close = source.find("'", self.at + 1)
                if close < 0:
                    raise Unparsable("a single quote is not closed")
                parts.append(Literal(source[self.at + 1 : close], True))
                self.at = close + 1
            elif character == '"':
                self.double_quoted(parts)
            elif character == "\\":
                if not source.startswith("\n", self.at + 1):
                    parts.append(Literal(source[self.at + 1 : self.at + 2], True))
                self.at += 2
            elif source.startswith("$'", self.at):
                parts.append(self.ansi_c())
            elif character in "$`":
                parts.append(self.expansion(quoted=False))
            elif character in "<>" and source.startswith("(", self.at + 1):
                self.at += 2
                parts.append(Substitution(self.inside(")"), "/dev/fd/63", True, file=True))
            else:
                break
        if self.at == start:
            return None
        self.at = min(self.at, len(source))
        return Template(tuple(parts), *self.span(start, self.at))

    def double_quoted(self, parts: list[Literal | Parameter | Substitution]) -> None:
        source = self.source
        self.at += 1
        parts.append(Literal("", True))
        while self.at < len(source):
            character = source[self.at]
            if match := IN_DOUBLE.match(source, self.at):
                parts.append(Literal(match[0], True))
                self.at = match.end()
            elif character == '"':
                self.at += 1
                return
            elif character == "\\":
                escaped = source[self.at + 1 : self.at + 2]
                kept = "" if escaped == "\n" else escaped if escaped in '"\\$`' else f"\\{escaped}"
                parts.append(Literal(kept, True))
                self.at += 2
            else:
                parts.append(self.expansion(quoted=True))
        raise Unparsable("a double quote is not closed")

    def ansi_c(self) -> Literal:
        close = self.at + 2
        while close < len(self.source) and self.source[close] != "'":
            close += 2 if self.source[close] == "\\" else 1
        if close >= len(self.source):
            raise Unparsable("a $'…' is not closed")
        text = ANSI_CODE.sub(_ansi_character, self.source[self.at + 2 : close])
        self.at = close + 1
        return Literal(text, True)

    def expansion(self, *, quoted: bool) -> Literal | Parameter | Substitution:
        """Reads `$…` or a backtick."""
        source, start = self.source, self.at
        if source[start] == "`":
            close = start + 1
            while close < len(source) and source[close] != "`":
                close += 2 if source[close] == "\\" else 1
            if close >= len(source):
                raise Unparsable("a backtick is not closed")
            self.at = close + 1
            text = source[start + 1 : close].replace("\\`", "`")
            body = self.deeper(text, self.fixed or (start, self.at)).inside(None)
            return Substitution(body, source[start : close + 1], quoted)
        if source.startswith("$((", start) and (close := source.find("))", start)) >= 0:
            self.at = close + 2
            return Literal("0", quoted)
        if source.startswith("$(", start):
            self.at = start + 2
            body = self.inside(")")
            return Substitution(body, source[start : self.at], quoted)
        if match := VARIABLE.match(source, start):
            self.at = match.end()
            return Parameter(match[1], quoted, match[0])
        if source.startswith("${", start):
            return self.braced(quoted=quoted)
        self.at = start + 1
        return Literal("$", quoted)

    def braced(self, *, quoted: bool) -> Literal | Parameter | Substitution:
        start = self.at
        close, level = start + 2, 1
        while close < len(self.source) and level:
            step = self.source[close]
            level += (step == "{") - (step == "}")
            close += 2 if step == "\\" else 1
        if level:
            raise Unparsable("a ${ is not closed")
        self.at = close
        inside, whole = self.source[start + 2 : close - 1], self.source[start:close]
        match = BRACED.match(inside)
        if (inside.startswith("#") and len(inside) > 1) or not match:
            return Literal("0", quoted)
        operator = OPERATOR.match(inside, match.end())
        rest = inside[operator.end() :] if operator else ""
        argument = None
        if rest:
            text = '"' + rest.replace('"', "").replace("\\/", "/") + '"'
            argument = self.deeper(text, self.fixed or (start, close)).word()
        kind = operator[0] if operator else ""
        return Parameter(match[2], quoted, whole, match[3], "!" if match[1] else kind, argument)


def _ansi_character(match: re.Match[str]) -> str:
    two, four, octal, other = match.groups()
    if two or four:
        return chr(int(two or four, 16))
    return chr(int(octal, 8) & 0xFF) if octal else ESCAPES.get(other, other)
