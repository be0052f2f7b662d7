import importlib
import sys

import pytest

from keras_homography.utils import import_hooks


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Two modules that import each other."""
    (tmp_path / "hooked_a.py").write_text("import hooked_b\nwhole = True\n")
    (tmp_path / "hooked_b.py").write_text("import hooked_a\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield
    for name in ("hooked_a", "hooked_b"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("first", ["hooked_a", "hooked_b"])
def test_the_action_finds_both_modules_whole(modules, first):
    found, finders = [], list(sys.meta_path)
    names = ("hooked_a", "hooked_b")
    import_hooks.after_imports(
        names, "ours", lambda: found.append([sys.modules[name].whole for name in names])
    )
    assert found == []
    importlib.import_module(first)
    assert found == [[True, True]]
    assert sys.meta_path == finders


def test_modules_that_are_there_are_not_waited_for(modules):
    found = []
    importlib.import_module("hooked_a")
    import_hooks.after_imports(["hooked_a"], "ours", lambda: found.append(True))
    assert found == [True]


def test_a_module_that_fails_to_import_is_waited_for(modules, tmp_path):
    found = []
    broken = tmp_path / "hooked_a.py"
    whole = broken.read_text()
    broken.write_text("raise ImportError\n")
    import_hooks.after_imports(["hooked_a"], "ours", lambda: found.append(True))
    with pytest.raises(ImportError):
        importlib.import_module("hooked_a")
    assert found == []
    broken.write_text(whole)
    importlib.invalidate_caches()
    importlib.import_module("hooked_a")
    assert found == [True]


def test_the_action_waits_for_the_end_of_a_module_of_the_package(modules, tmp_path):
    package = tmp_path / "hooked_ours"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text("import hooked_a\nfrom hooked_ours import second\nx = 1\n")
    (package / "second.py").write_text("import hooked_b\n")
    found = []
    import_hooks.after_imports(
        ["hooked_a", "hooked_b"],
        "hooked_ours",
        lambda: found.append(sys.modules["hooked_ours.first"].x),
    )
    try:
        importlib.import_module("hooked_ours.first")
    finally:
        for name in ("hooked_ours", "hooked_ours.first", "hooked_ours.second"):
            sys.modules.pop(name, None)
    assert found == [1]
