"""A web server on this machine that misbehaves on request."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Serves `files` (path -> bytes) and counts what is asked.

    Attributes:
        requests: (path, Range header or None) of every request, in order.
        statuses: answers to give before the real one, one a request.
        cuts: bytes after which to break off, one a request; None for a whole answer.
        ranges: whether it knows Range requests.
        etag: its ETag, or None.
        redirect: where to send everybody, or None.
        gate: set it to let answers go on after their first half.
    """

    def __init__(self, files):
        self.files = dict(files)
        self.requests = []
        self.statuses = []
        self.cuts = []
        self.ranges = True
        self.etag = '"v1"'
        self.redirect = None
        self.gate = threading.Event()
        self.gate.set()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)

    def url(self, path):
        return f"http://127.0.0.1:{self.http.server_port}{path}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.http.shutdown()
        self.http.server_close()

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                span = self.headers.get("Range")
                server.requests.append((self.path, span))
                if server.redirect:
                    self.send_response(302)
                    self.send_header("Location", server.redirect)
                    self.end_headers()
                elif server.statuses:
                    self.send_error(server.statuses.pop(0))
                elif self.path not in server.files:
                    self.send_error(404)
                else:
                    self.answer(server.files[self.path], span)

            def answer(self, content, span):
                start = 0
                same = self.headers.get("If-Range") in (None, server.etag)
                if span and server.ranges and same:
                    start = int(span.removeprefix("bytes=").rstrip("-"))
                    if start >= len(content):
                        self.send_error(416)
                        return
                    self.send_response(206)
                    end = len(content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(content) - start))
                if server.etag:
                    self.send_header("ETag", server.etag)
                self.end_headers()
                body = content[start:]
                cut = server.cuts.pop(0) if server.cuts else None
                if cut is not None:
                    self.wfile.write(body[:cut])
                    self.close_connection = True
                    return
                half = len(body) // 2
                self.wfile.write(body[:half])
                server.gate.wait(30)
                self.wfile.write(body[half:])

        return Handler
