"""A local server that issues credentials as the clouds' own do: a path, and what is answered there."""

import http.server
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Answer = Callable[["Asked"], tuple[int, Any]]


class Asked:
    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, urlsplit(target).path, headers, body
        self.query = urlsplit(target).query


class TokenServer:
    """`routes`: path → answer(asked) giving (status, JSON or text). What was asked is kept."""

    def __init__(self, routes: dict[str, Answer], delay_s: float = 0.0) -> None:
        self.asked: list[Asked] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {k.lower(): v for k, v in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(length))
                outer.asked.append(asked)
                time.sleep(delay_s)
                route = routes.get(asked.path)
                status, said = route(asked) if route else (404, "no such path")
                data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "text/plain" if isinstance(said, str) else "application/json")
                self.send_header("metadata-flavor", "Google")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815  the library's names

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> "TokenServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def times(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)
