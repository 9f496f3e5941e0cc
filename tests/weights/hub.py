"""A Hugging Face hub on this machine, with the small part of its protocol that downloads need."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves `repositories` ("owner/name" -> {file: bytes}) and counts what is asked.

    Attributes:
        requests: (method, path) of every request, in order.
        gated: repositories that are there for the token "secret" alone.
        etag: replaces the SHA-256 of every file, or None.
    """

    def __init__(self, repositories):
        self.repositories = {name: dict(files) for name, files in repositories.items()}
        self.requests = []
        self.gated = set()
        self.etag = None
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.respond(b"")

            def do_GET(self):
                self.respond(None)

            def respond(self, body):
                hub.requests.append((self.command, self.path))
                owner, name, resolve, _, *file = self.path.strip("/").split("/")
                assert resolve == "resolve"
                files = hub.repositories.get(f"{owner}/{name}")
                if files is None:
                    self.refuse(404, "RepoNotFound")
                elif f"{owner}/{name}" in hub.gated and "secret" not in self.headers.get(
                    "Authorization", ""
                ):
                    self.refuse(403, "GatedRepo")
                elif "/".join(file) not in files:
                    self.refuse(404, "EntryNotFound")
                else:
                    content = files["/".join(file)]
                    self.send_response(200)
                    digest = hashlib.sha256(content).hexdigest()
                    self.send_header("ETag", f'"{hub.etag or digest}"')
                    self.send_header("X-Repo-Commit", COMMIT)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content if body is None else body)

            def refuse(self, status, code):
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler
