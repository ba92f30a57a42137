"""A real HTTP server on loopback that speaks chat completions, as badly as it is told to."""

import contextlib
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODE = "```\nclass A: pass\n```"


def completion(text=CODE, **more):
    """A reply as servers give it."""
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": text},
    }
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "served-model-2",
        "choices": [choice], "usage": usage,
    } | more  # fmt: skip


def finished(reason, text=""):
    """A reply whose one choice ended for this reason."""
    message = {"role": "assistant", "content": text}
    return completion(choices=[{"index": 0, "finish_reason": reason, "message": message}])


def models(*names):
    """A list of models as servers give it."""
    return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


def says(status=200, body=None, *, kind="application/json", **headers):
    """Answer at once."""

    def act(handler):
        text = body if isinstance(body, str) else json.dumps(completion() if body is None else body)
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    return act


def error(status, code="", **headers):
    """Refuse as OpenAI does."""
    return says(status, {"error": {"message": f"told: {code}", "code": code}}, **headers)


def drips(every_s, body=None):
    """Send the answer byte by byte, which no timeout per read ever notices."""

    def act(handler):
        text = json.dumps(completion() if body is None else body).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        for byte in text:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if handler.server.stopping.wait(every_s):
                return

    return act


def raw(*parts):
    """Send these bytes, and nothing else, and end the connection."""

    def act(handler):
        for part in parts:
            handler.wfile.write(part)

    return act


def thinks(handler):
    """Answer as a model might, from the prompt alone: the code at hand, with a number changed."""
    prompt = handler.request_seen.prompt
    segment = re.search(r"(?:Keep the name|following code, named) (\w+)", prompt)[1]
    block = [b for b in re.findall(r"```python\n(.*?)\n```", prompt, re.DOTALL) if segment in b][-1]
    factor = f"1.{int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16)}"
    if segment[0].islower():
        code = block.replace("lr=lr", f"lr=lr * {factor}") + f"\n\n\nFACTOR = {factor}"
    else:
        head, _, result = block.rpartition("return ")  # of the last method, to the end
        code = f"{head}return {factor} * ({result})"
    answer = f"I change a number.\n\n```python\n{code}\n```"
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(answer) // 4}
    says(200, completion(answer, usage=usage))(handler)


def hangs(handler):
    """Read the request, never answer."""
    handler.server.stopping.wait(30)


def cut(handler):
    """End the connection within the body."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')


@dataclass
class Seen:
    """One request as it came."""

    path: str
    key: str
    body: dict
    headers: dict = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)

    @property
    def prompt(self):
        return self.body["messages"][0]["content"]


class Server(ThreadingHTTPServer):
    """Acts out ``script`` request by request, then ``always``; lists of models aside."""

    daemon_threads = True

    def __init__(self, port=0):
        self.seen, self.script, self.always = [], [], says()
        self.listed, self.lists = [], None
        self.under_way = self.most_under_way = 0
        self.stopping, self.mutex = threading.Event(), threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_):
        """Clients that give up are what this is for."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        """List models to whoever has a key, as ``server.lists`` says; by default those of tests."""
        key = self.headers.get("Authorization")
        self.server.listed.append((self.path, key))
        if self.server.lists is not None:
            self.server.lists(self)
        elif key is None:
            error(401, "no key")(self)
        else:
            says(200, models("thinker", "asked", "local", "llama", "other", "m"))(self)

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.request_seen = Seen(
            self.path, self.headers.get("Authorization"), body, dict(self.headers)
        )
        with server.mutex:
            server.seen.append(self.request_seen)
            act = server.script.pop(0) if server.script else server.always
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            act(self)
        finally:
            with server.mutex:
                server.under_way -= 1

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(port=0):
    """Run a server; what hangs is let go at the end."""
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
