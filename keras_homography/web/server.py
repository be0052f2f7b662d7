"""Serves the page on this machine."""

import functools
import http.server
import pathlib
import urllib.parse
import webbrowser

from absl import logging

from keras_homography.utils.errors import UserError
from keras_homography.web import site_files

HOST = "127.0.0.1"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with files that are in memory, and with nothing else."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "keras_homography", ""

    def __init__(self, *arguments: object, site: dict[str, bytes]) -> None:
        self._site = site
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer with a file's headers."""
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/")
        name = name or "index.html"
        content = self._site.get(name)
        self.send_response(404 if content is None else 200)
        if content is None:
            content, name = b"There is no such file.\n", "missing.html"
        self.send_header("Content-Type", site_files.TYPES[pathlib.PurePath(name).suffix])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache")  # of another version, perhaps
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log requests only at high verbosity."""
        logging.debug(format, *arguments)


def make_server(port: int | None) -> http.server.ThreadingHTTPServer:
    """Make a server of the page, on 127.0.0.1 only.

    Args:
      port: None for one that is free.

    Returns:
      The server, which listens; `serve_forever` answers.

    Raises:
      UserError: the port is taken, or a file of the page is missing.
    """
    handler = functools.partial(_Handler, site=site_files.collect())
    try:
        server = http.server.ThreadingHTTPServer((HOST, port or 0), handler)
    except OSError as error:
        raise UserError(
            f"Port {port} cannot be used: {error.strerror}. Give another, or none for a free one."
        ) from None
    server.daemon_threads = True
    return server


def serve(port: int | None, open_browser: bool) -> None:
    """Serve the page until Ctrl-C.

    Args:
      port: None for one that is free.
      open_browser: whether a browser is opened.

    Raises:
      UserError: as of `make_server`.
    """
    with make_server(port) as server:
        address = f"http://{HOST}:{server.server_address[1]}/"
        print(f"{address} (Ctrl-C ends it)", flush=True)
        if open_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(flush=True)  # below the terminal's ^C
