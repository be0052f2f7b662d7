"""Do something as soon as somebody else has imported certain modules."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence


class _AfterImports(importlib.abc.MetaPathFinder):
    """Finds modules as Python does, and is told when they have been imported."""

    def __init__(self, names: set[str], action: Callable[[], None]) -> None:
        self._names = names
        self._action = action

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._names:
            return None
        position = sys.meta_path.index(self)
        for finder in sys.meta_path[position + 1 :]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                self._tell(fullname, spec.loader)
                return spec
        return None

    def _tell(self, name: str, loader: importlib.abc.Loader) -> None:
        execute = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            execute(module)
            self._names.discard(name)
            if not self._names and self in sys.meta_path:
                sys.meta_path.remove(self)
                self._action()

        # Of this one loader: the module keeps the loader it would have without us.
        loader.exec_module = exec_module  # type: ignore[method-assign]


def after_imports(names: Sequence[str], action: Callable[[], None]) -> None:
    """Call a function once all of some modules have been imported, by whoever needs them.

    Args:
      names: of the modules, absolute.
      action: called once; at once if all of them are imported already.
    """
    # None stands for a module that may not be imported.
    missing = {name for name in names if sys.modules.get(name) is None}
    if missing:
        sys.meta_path.insert(0, _AfterImports(missing, action))
    else:
        action()
