"""An OpenAI-compatible server for tests of plans: prints its base URL, serves until killed.

`planner` plans a search in memory and a sum, answers with what the results say and stands by it; `boaster` answers with
a figure of its own; `doubter` contradicts the answer; `weigher` plans to weigh coffee as the cause of headaches;
`nonsense` gives no JSON. `GET /last` gives the last requests.
"""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = ("planner", "boaster", "doubter", "nonsense", "weigher")
seen: list[dict[str, object]] = []


def reply(name: str, text: str) -> str:
    if name == "nonsense":
        return "I would rather not."
    if "Which of these tools" in text:
        if name == "weigher":
            return json.dumps({"steps": [{"tool": "causal", "input": "coffee -> headache"}]})
        steps = [{"tool": "memory", "input": "boiler"}, {"tool": "calculator", "input": "12 * 12"}]
        return json.dumps({"steps": steps})
    if "Somebody answers" in text:
        contradicted = name == "doubter"
        return json.dumps({"verdict": "contradicted" if contradicted else "holds", "why": "I looked at it again."})
    results = re.findall(r"^│ (\d+)$", text, re.M)
    weighed = re.findall(r"^│ .*?strength (\d\.\d+)", text, re.M)
    if weighed:
        return json.dumps({"answer": f"With a strength of {weighed[-1]} [1].", "assumptions": []})
    said = {"boaster": "It is 4711."}.get(name, f"It is {results[-1] if results else 'unknown'} [2].")
    return json.dumps({"answer": said, "assumptions": ["a dozen is twelve"]})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.give(seen if self.path == "/last" else {"data": [{"id": name} for name in MODELS]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen.append(body)
        text = reply(body["model"], body["messages"][-1]["content"])
        self.give({"choices": [{"message": {"role": "assistant", "content": text}}]})

    def give(self, answer: object) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    server.serve_forever()
