"""Do something as soon as somebody else has imported certain modules."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence


class _AfterImports(importlib.abc.MetaPathFinder):
    """Finds modules as Python does, and is told when they have been imported."""

    def __init__(self, names: set[str], package: str, action: Callable[[], None]) -> None:
        self._names = names
        self._package = package
        self._action = action
        self._unfinished = 0  # modules of the package

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._names and not self._is_ours(fullname):
            return None
        position = sys.meta_path.index(self)
        for finder in sys.meta_path[position + 1 :]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                self._tell(fullname, spec.loader)
                return spec
        return None

    def _is_ours(self, name: str) -> bool:
        return name.startswith(f"{self._package}.")

    def _tell(self, name: str, loader: importlib.abc.Loader) -> None:
        execute = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            self._unfinished += self._is_ours(name)
            try:
                execute(module)
            finally:
                self._unfinished -= self._is_ours(name)
            self._names.discard(name)
            if not self._names and not self._unfinished and self in sys.meta_path:
                sys.meta_path.remove(self)
                self._action()

        # Of this one loader: the module keeps the loader it would have without us.
        loader.exec_module = exec_module  # type: ignore[method-assign]


def after_imports(names: Sequence[str], package: str, action: Callable[[], None]) -> None:
    """Call a function once all of some modules have been imported, by whoever needs them.

    Args:
      names: of the modules, absolute.
      package: while one of its modules is being imported, the call waits for the end of that: what
        it imports may need that module whole.
      action: called once; at once if all of the modules are imported already.
    """
    # None stands for a module that may not be imported.
    missing = {name for name in names if sys.modules.get(name) is None}
    if missing:
        sys.meta_path.insert(0, _AfterImports(missing, package, action))
    else:
        action()
