"""The files of the page: as a folder for any static host, or as a single HTML file."""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import re

from keras_homography.saving import pretrained
from keras_homography.utils import files
from keras_homography.utils.errors import UserError
from keras_homography.web import shared_constants

_WEB = pathlib.Path(__file__).parent
_MODELS = ("homography", "matcher")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}


def collect() -> dict[str, bytes]:
    """Collect the files of the page.

    Returns:
      Their contents by their paths, relative to `index.html`: what was built, the examples, the
      shipped models, compressed, and the constants of this version of the package.

    Raises:
      UserError: a file is missing from this installation.
    """
    built = {path.name: path.read_bytes() for path in sorted((_WEB / "built").glob("*.*"))}
    if not {"index.html", "page.js", "worker.js", "litert.wasm.gz"} <= set(built):
        raise UserError(
            f"The page's files are missing from {_WEB / 'built'}. Install the package again, or "
            "build them: npm ci && npm run build, in keras_homography/web."
        )
    examples = {
        f"examples/{path.name}": path.read_bytes()
        for path in sorted((_WEB / "examples").glob("*.jpg"))
    }
    models = {
        f"{name}.tflite.gz": gzip.compress(
            pretrained.resolve_model(name, (".tflite",)).read_bytes(), mtime=0
        )
        for name in _MODELS
    }
    constants = {"constants.json": json.dumps(shared_constants.collect()).encode()}
    return {**built, **examples, **models, **constants}


def write_site(folder: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Write the page as a folder that any static host can serve.

    Args:
      folder: created if need be; other files in it stay.

    Returns:
      The paths that were written.
    """
    written = []
    for name, content in collect().items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(path) as temporary:
            temporary.write_bytes(content)
        written.append(path)
    return written


def write_single_file(path: str | os.PathLike[str]) -> None:
    """Write the page as one HTML file, which runs from disk.

    Args:
      path: of the file; its folder has to exist.
    """
    content = single_file(collect())
    with files.atomic_write(path) as temporary:
        temporary.write_bytes(content)


def single_file(site: dict[str, bytes]) -> bytes:
    """Put all files of the page into one.

    Scripts, styles and data become part of the HTML; its content security policy names the script
    and the style by their hashes, and allows no connection at all.

    Args:
      site: as `collect` returns it.

    Returns:
      The HTML.
    """
    html = site["index.html"].decode()
    script, style = site["page.js"].decode(), site["style.css"].decode()
    # In a script, this would end the element that holds it.
    script = script.replace("</script", r"<\/script")
    policy = (
        f"default-src 'none'; script-src {_hash(script)} 'wasm-unsafe-eval'; worker-src blob:; "
        f"style-src {_hash(style)}; img-src blob: data:; media-src blob: mediastream:; "
        "base-uri 'none'; form-action 'none'"
    )
    data = "".join(
        f'<script type="text/plain" data-file="{name}" data-type="{_media_type(name)}">'
        f"{base64.b64encode(content).decode()}</script>\n"
        for name, content in site.items()
        if name not in ("index.html", "page.js", "style.css")
    )
    html = _replace_once(html, r'content="default-src [^"]*"', f'content="{policy}"')
    html = _replace_once(html, r'<link rel="stylesheet"[^>]*>', f"<style>{style}</style>")
    html = _replace_once(html, r'<script src="page.js"[^>]*></script>', "")
    return _replace_once(html, "</body>", f"{data}<script>{script}</script>\n</body>").encode()


def _media_type(name: str) -> str:
    return TYPES[pathlib.PurePath(name).suffix].partition(";")[0]


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _replace_once(html: str, pattern: str, replacement: str) -> str:
    replaced, count = re.subn(pattern, lambda _: replacement, html)
    if count != 1:
        raise ValueError(f"the page has {count} places of {pattern!r}; it needs one")
    return replaced
