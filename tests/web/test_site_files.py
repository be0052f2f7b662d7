"""The page's files: built from their sources, complete, and the same in one file."""

import gzip
import pathlib
import re
import threading
import urllib.error
import urllib.request

import pytest

from keras_homography.registration import confidence, refusals
from keras_homography.utils.errors import UserError
from keras_homography.web import server, shared_constants, site_files

WEB = pathlib.Path(site_files.__file__).parent


@pytest.fixture(scope="module")
def site():
    return site_files.collect()


def test_the_built_files_are_those_of_the_sources(site, built_again):
    for name in ("index.html", "style.css", "page.js", "worker.js"):
        assert site[name] == (built_again / name).read_bytes(), f"{name}: npm run build"
    runtime = WEB / "node_modules/@litertjs/core/wasm/litert_wasm_compat_internal.wasm"
    assert gzip.decompress(site["litert.wasm.gz"]) == runtime.read_bytes()


def test_the_models_are_the_shipped_ones(site, request):
    for name in ("homography", "matcher"):
        path = request.config.rootpath / "saved_models" / f"{name}.tflite"
        assert gzip.decompress(site[f"{name}.tflite.gz"]) == path.read_bytes()


def test_all_examples_are_there(site, request):
    source = request.config.rootpath / "keras_homography/web/src/page/examples.ts"
    names = re.findall(r'name: "(\w+)"', source.read_text())
    assert len(names) >= 5
    assert {f"examples/{name}_{slot}.jpg" for name in names for slot in "ab"} == {
        name for name in site if name.startswith("examples/")
    }


def test_constants_are_those_of_the_package_and_all_that_the_page_names(request):
    constants = shared_constants.collect()
    assert constants["confidence"]["WEIGHTS"] == confidence.WEIGHTS.tolist()
    assert constants["confidence"]["BIAS"] == confidence.BIAS
    assert set(constants["refusals"]["SENTENCES"]) == set(refusals.ReasonCode)
    source = request.config.rootpath / "keras_homography/web/src/core/constants.ts"
    text = source.read_text()
    sections = re.findall(r"readonly (\w+): Numbers<(.*?)>", text, re.DOTALL)
    assert {name for name, _ in sections} <= set(constants)
    for name, block in sections:
        assert set(re.findall(r'"(\w+)"', block)) <= set(constants[name]), name
    codes = text[text.index("export type ReasonCode") :]
    codes = codes[: codes.index(";")]
    never_on_the_page = {refusals.ReasonCode.OTHER_MOTION}  # there is no choice of motion
    assert set(re.findall(r'"(\w+)"', codes)) == set(refusals.ReasonCode) - never_on_the_page


def test_the_single_file_holds_everything_and_may_connect_to_nothing(site):
    html = site_files.single_file(site).decode()
    policy = re.search(r'Security-Policy"\s+content="([^"]*)"', html)[1]
    assert "connect-src" not in policy  # so the default holds: none
    assert "default-src 'none'" in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = site_files._hash(scripts[0])
    assert digest in policy
    for name in site.keys() - {"index.html", "page.js", "style.css"}:
        assert f'data-file="{name}"' in html
    assert not re.search(r'(src|href)="(?!data:)', html)


def test_the_folder_holds_every_file(site, tmp_path):
    site_files.write_site(tmp_path / "public")
    for name, content in site.items():
        assert (tmp_path / "public" / name).read_bytes() == content


def test_the_server_answers_with_its_files_alone(site):
    with server.make_server(None) as running:
        assert running.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{running.server_address[1]}/"
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == site["index.html"]
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        for name in ("missing.js", "../demo.py", "%2e%2e/demo.py", "/etc/passwd"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address + name)
            assert refused.value.code == 404
        port = running.server_address[1]
        with pytest.raises(UserError, match="cannot be used"):
            server.make_server(port)
        running.shutdown()


def test_missing_files_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(site_files, "_WEB", tmp_path)
    with pytest.raises(UserError, match="npm run build"):
        site_files.collect()
