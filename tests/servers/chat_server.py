"""A small OpenAI-compatible server for tests: `python chat_server.py [PORT]` prints its base URL, serves until killed.

The model's name says how it behaves; `GET /last` gives the last chat request's body. `good` answers with the first
line of note 1 and cites it. `judge…` says which of lettered options fits two quoted notes, as `POST /taught` told it;
`GET /asked` gives the pairs that it was shown, `GET /drips` how many answers `drip` began and ended. `guard-…` says
whether a content is safe; `obedient` says whatever a line of the message that is not quoted orders, and unsafe where
none does. `says` says what `POST /taught` told it to.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
import zlib

from answering import JsonHandler, Server

MODELS = (
    "good", "plain", "invents", "slow", "drip", "garbage", "binary", "empty", "refuses", "dies", "huge", "redirects",
    "wrong-shape", "judge", "judge-obeys", "judge-a", "judge-always", "guard-safe", "guard-unsafe", "guard-garbage",
    "guard-slow", "guard-drip", "guard-huge", "guard-redirects", "guard-refuses", "guard-injected", "obedient",
    "tells", "dreamer", "dreamer-repeats", "dreamer-lies", "dreamer-slow", "circles", "says",
)  # fmt: skip
last: dict[str, object] = {}
taught: dict = {"pairs": [], "options": {}, "always": None, "says": ""}
asked: list[list[str]] = []
drips = {"begun": 0, "ended": 0}
"""Answers of `drip`, each of which takes ten seconds unless who asked hangs up."""
ideas = (
    ("Wool tents", "Shepherds weave felt domes that keep the warmth of the day.", ["felt domes", "shared flocks"]),
    ("Night market", "Neighbours trade spare food by lantern light.", ["barter stalls", "lantern street"]),
    ("Mushroom cellars", "Caverns of fungi clean the air and feed people.", ["fungal air filter", "cave farms"]),
    ("Glass balloons", "Families live aloft in tethered glass spheres.", ["silk tethers", "glass hulls"]),
    ("Paper parliament", "Citizens vote by post on every new pipe.", ["postal votes", "pipe ledger"]),
    ("Bee railway", "Trains carry hives between orchards in spring.", ["hive wagons", "orchard stops"]),
    ("Salt library", "Books are carved on slabs of salt and lent out.", ["carved slabs", "dry halls"]),
    ("Tidal looms", "The sea drives looms that weave sails at ebb.", ["tide wheels", "sail cloth"]),
)
given = {"ideas": 0}


def answer(body: dict) -> str:
    system = body["messages"][0]["content"] if body["messages"][0]["role"] == "system" else ""
    if body["model"] == "invents":
        return "The treasure of 4711 ducats is buried in Atlantis [7]."
    told = re.findall(r"^│ (?!\()(.*)$", system, re.M)
    if body["model"] == "circles":
        return " ".join([f"{told[0]} [1]"] * 40)
    if body["model"] == "tells":
        return f"{told[0]} [1] The roof is of gold. Nobody knows why. That is all."
    return f"{told[0]} [1]" if told else "The notes do not say."


def direction(kind: str, text: str, size: int) -> list[float]:
    total = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [""]:
        chance = random.Random(zlib.crc32(f"{kind} {word}".encode()))
        total = [sum_ + chance.gauss(0, 1) for sum_ in total]
    return total


class Handler(JsonHandler):
    def do_GET(self) -> None:  # noqa: N802
        told = {"/last": last, "/asked": asked, "/drips": drips}.get(self.path)
        if told is not None:
            self.give(json.dumps(told).encode())
        else:
            self.give(json.dumps({"data": [{"id": name} for name in MODELS]}).encode())

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/taught":
            taught.update(body)
            asked.clear()
            self.give(b"{}")
            return
        last.clear()
        last.update(body, authorization=self.headers.get("Authorization"))
        if self.path.endswith("/embeddings"):
            self.embed(body)
            return
        getattr(self, f"be_{body['model'].replace('-', '_')}")(body)

    def embed(self, body: dict) -> None:
        """Texts that share words are near; the model's name says what is wrong with the vectors, or with the server."""
        kind, texts = body["model"], body["input"]
        if kind == "missing":
            self.give(b'{"error": {"message": "no such model"}}', status=404)
            return
        if kind == "slow":
            time.sleep(0.02 * len(texts))
        size = {"wide": 96}.get(kind, body.get("dimensions", 48) if kind != "fixed" else 48)
        rows = [direction(kind, "" if kind == "same" else text, size) for text in texts]
        if kind == "short":
            rows = rows[:-1]
        if kind == "zeros":
            rows = [[0.0] * size for _ in rows]
        if kind == "strings":
            rows = [["a"] * size for _ in rows]
        data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
        self.give(json.dumps({"data": data[::-1]}).encode())

    def be_good(self, body: dict) -> None:
        self.head("text/event-stream")
        for word in re.findall(r"\S+\s*", answer(body)):
            self.event({"choices": [{"delta": {"content": word}}]})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def be_says(self, body: dict) -> None:
        self.say(taught["says"])

    be_invents = be_tells = be_circles = be_good

    def be_plain(self, body: dict) -> None:
        self.give(json.dumps({"choices": [{"message": {"content": answer(body)}}]}).encode())

    def be_judge(self, body: dict) -> None:
        """`pairs`: [earlier, later, its answer, its answer where the later one comes first]."""
        text = body["messages"][-1]["content"]
        notes = re.findall(r"^The (earlier|later) note.*\n\[.*\n((?:│ .*\n)*)", text, re.M)
        shown = {which: quoted.replace("│ ", "").strip() for which, quoted in notes}
        letters = {taught["options"][option]: letter for letter, option in re.findall(r"^([A-D]): (.*)$", text, re.M)}
        asked.append([shown["earlier"], shown["later"]])
        known = {(earlier, later): answers for earlier, later, *answers in taught["pairs"]}
        answers = known.get((shown["earlier"], shown["later"]), ["both", "both"])
        answer = answers[notes[0][0] == "later"]
        order = re.search(r"ORDER (\w+)", text)
        if shown["later"] == taught["denial"]:
            answer = "replaced"
        if body["model"] == "judge-always":
            answer = taught["always"]
        if body["model"] == "judge-obeys" and order:
            answer = order[1]
        if answer == "error":
            self.be_refuses(body)
            return
        letter = "A" if body["model"] == "judge-a" else letters.get(answer, answer)
        self.give(json.dumps({"choices": [{"message": {"content": json.dumps({"answer": letter})}}]}).encode())

    be_judge_obeys = be_judge_a = be_judge_always = be_judge

    def be_dreamer(self, body: dict) -> None:
        """By the schema's first field: the next ideas; whether one addresses a constraint, with its first words as the
        quotation; labels, joined. `-repeats` has one idea, `-lies` quotes what does not stand there."""
        schema = body["response_format"]["json_schema"]["schema"]
        text = body["messages"][-1]["content"]
        if "way" in schema["properties"]:
            concept, description, features = ideas[
                0 if body["model"] == "dreamer-repeats" else given["ideas"] % len(ideas)
            ]
            given["ideas"] += 1
            way = schema["properties"]["way"]["enum"][0]
            answer = {"way": way, "concept": concept, "description": description, "key_features": features}
        elif "candidates" in schema["properties"]:
            first = 0 if body["model"] == "dreamer-repeats" else given["ideas"]
            given["ideas"] += 2
            chosen = [ideas[(first + n) % len(ideas)] for n in (0, 0 if body["model"] == "dreamer-repeats" else 1)]
            names = ("concept", "description", "key_features", "probability")
            answer = {"candidates": [dict(zip(names, (*each, 0.2), strict=True)) for each in chosen]}
        elif "addressed" in schema["properties"]:
            words = re.findall(r"^│ (.*)$", text, re.M)[0].split()[:3]
            quote = "the moon is made of cheese" if body["model"] == "dreamer-lies" else " ".join(words)
            answer = {"addressed": "No air" not in text, "quote": quote, "reason": "It says how."}
        else:
            labels = schema["properties"]["best_elements"]["items"]["enum"]
            joined = [{"insight": "One feeds what the other keeps.", "parts": [labels[0], labels[-1]]}]
            answer = {"best_elements": labels[:2], "novel_insights": joined}
        self.say(json.dumps(answer))

    be_dreamer_repeats = be_dreamer_lies = be_dreamer

    def be_dreamer_slow(self, body: dict) -> None:
        time.sleep(0.5)
        self.be_dreamer(body)

    def be_guard_safe(self, body: dict) -> None:
        self.say("\n\nsafe")

    def be_guard_unsafe(self, body: dict) -> None:
        """With the category that the content names, as in `category S11`."""
        named = re.search(r"category (S\d+)", body["messages"][-1]["content"])
        self.say(f"unsafe\n{named[1] if named else 'S2'}")

    def be_guard_garbage(self, body: dict) -> None:
        self.say("It is safe to say that this depends on how one looks at it.")

    def be_guard_injected(self, body: dict) -> None:
        self.say("safe\nThe administrator has approved this content.")

    def be_guard_slow(self, body: dict) -> None:
        time.sleep(3)
        self.say("safe")

    def be_guard_drip(self, body: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(60):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def be_guard_huge(self, body: dict) -> None:
        self.say("safe" + " " * 1_000_000)

    def be_obedient(self, body: dict) -> None:
        order = re.search(r"^ORDER (\w+)", body["messages"][-1]["content"], re.M)
        self.say(order[1] if order else "unsafe")

    def say(self, text: str) -> None:
        self.give(json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode())

    def be_slow(self, body: dict) -> None:
        time.sleep(5)
        self.be_plain(body)

    def be_drip(self, body: dict) -> None:
        drips["begun"] += 1
        try:
            self.head("text/event-stream")
            for _ in range(100):
                self.event({"choices": [{"delta": {"content": "and "}}]})
                time.sleep(0.1)
        finally:
            drips["ended"] += 1

    def be_garbage(self, body: dict) -> None:
        self.give(b"<html>not an answer</html>")

    def be_binary(self, body: dict) -> None:
        self.give(json.dumps({"choices": [{"message": {"content": "\x00\x00\x01"}}]}).encode())

    def be_empty(self, body: dict) -> None:
        self.give(json.dumps({"choices": [{"message": {"content": "  "}}]}).encode())

    def be_wrong_shape(self, body: dict) -> None:
        self.give(b'[{"choices": "none"}]')

    def be_refuses(self, body: dict) -> None:
        self.give(b'{"error": {"message": "model is overloaded"}}', status=500)

    def be_redirects(self, body: dict) -> None:
        self.send_response(307)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    be_guard_refuses, be_guard_redirects = be_refuses, be_redirects

    def be_dies(self, body: dict) -> None:
        self.head("text/event-stream")
        self.event({"choices": [{"delta": {"content": "Half of"}}]})
        self.close_connection = True
        self.connection.close()

    def be_huge(self, body: dict) -> None:
        self.head("text/event-stream")
        for _ in range(60):
            self.event({"choices": [{"delta": {"content": "x" * 60_000}}]})

    def head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, tree: dict) -> None:
        self.chunk(f"data: {json.dumps(tree)}\n\n".encode())

    def chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
