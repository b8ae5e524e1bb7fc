"""Where action scripts and the modules beside them are as modules, each loaded script apart from all others.

A loaded script is the package ``donki.player.script.loaded.KEY:ROOT:FOLDER`` with the script and its
neighbours as modules. The name alone tells where the files are, so that a worker process can import them too.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from urllib.parse import quote, unquote

_PREFIX = f"{__name__}."
_keys = count(1)


def new_package(root: Path, folder: Path) -> str:
    """Return the name of a new package of the modules in a folder at or under the script path `root`."""
    return _PREFIX + ":".join(map(_quoted, (str(next(_keys)), str(root), str(folder))))


def new_module(package: str, file: Path) -> ModuleType:
    """Return the module of a script, which is not executed yet, and can be imported by its name."""
    importlib.invalidate_caches()
    name = _quoted(file.name)
    # A percent sign tells a file from a module.
    spec = importlib.util.find_spec(f"{package}.{name if '%' in name else f'%{ord(name[0]):02X}{name[1:]}'}")
    if spec is None:
        raise ImportError(f"{file} is gone")
    module = sys.modules[spec.name] = module_from_spec(spec)
    _look_beside(module)
    return module


def forget(package: str) -> None:
    """Forget a package and all its modules."""
    # Other threads import meanwhile: the names are taken at once.
    for name in list(sys.modules):
        if name == package or name.startswith(f"{package}."):
            sys.modules.pop(name, None)


class _Finder:
    """Finds packages of scripts, and the modules in them; nothing outside the script path."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(_PREFIX):
            return None
        package, *names = name.removeprefix(_PREFIX).split(".")
        if package.count(":") != 2:
            return None
        _, root, folder = map(unquote, package.split(":"))
        if not names:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [folder]
            return spec
        if "%" in names[0]:
            file = str(Path(folder, unquote(names[0])))
            found = spec_from_file_location(name, file, loader=_Loader(name, file))
        else:
            found = PathFinder.find_spec(name, path)
        if found is None:
            return None
        places = [found.origin] if found.origin else [*(found.submodule_search_locations or ())]
        for place in places:
            if not Path(place).resolve().is_relative_to(root):
                raise ImportError(f"{place} leads outside the script path {root}", name=name)
        if type(found.loader) is SourceFileLoader:
            found.loader = _Loader(name, str(found.origin))
        return found


class _Loader(SourceFileLoader):
    """Loads a file as it is now, and lets it import what is beside the script."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the file compiled; nothing is kept that could be older than the file."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute a module."""
        _look_beside(module)
        super().exec_module(module)


def _look_beside(module: ModuleType) -> None:
    """Have the import statements of a module look into the script's folder first, as Python's own do.

    Not for the names of the standard library.
    """
    package = module.__name__.removeprefix(_PREFIX).partition(".")[0]
    folder = unquote(package.split(":")[2])
    known: dict[str, bool] = {}

    def is_beside(name: str) -> bool:
        if name not in known:
            spec = None if name in sys.stdlib_module_names else PathFinder.find_spec(name, [folder])
            known[name] = spec is not None and spec.origin is not None
        return known[name]

    def import_(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        top = name.partition(".")[0]
        if level or not is_beside(top):
            return builtins.__import__(name, globals_, locals_, fromlist or (), level)
        full = f"{_PREFIX}{package}.{name}"
        module = builtins.__import__(full, globals_, locals_, fromlist or (), 0)
        return module if fromlist else sys.modules[f"{_PREFIX}{package}.{top}"]

    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_}


def _quoted(text: str) -> str:
    return quote(text, safe="").replace(".", "%2E")


sys.meta_path.insert(0, _Finder)
