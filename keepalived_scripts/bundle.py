"""How does a chk_ command load its modules? From one file: importing them one by one takes half of its own time.

    python -ISX no_debug_ranges keepalived_scripts/bundle.py

writes ``__pycache__/chk_NAME.TAG`` into the folder of the code, for each command and this Python: its compiled modules
in the order in which they run, with size and time of each source. The launcher calls load(). Where a source has
changed, as after an edit or in the middle of an upgrade, and where there is no bundle, the modules are imported as
usual.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import TypeAlias

    # name, file below the folder of the code, time and size of that, whether it is a package, its code
    Entry: TypeAlias = tuple[str, str, int, int, bool, CodeType]


def load(top: str, entries: list[Entry]) -> None:
    """Load the modules, if all sources below ``top`` are unchanged; the bundle holds this function as well."""
    import sys
    from posix import stat

    for _, file, time, size, _, _ in entries:
        seen = stat(f"{top}/{file}")
        if seen.st_mtime_ns != time or seen.st_size != size:
            return
    modules, new = sys.modules, type(sys)
    for name, file, _, _, is_package, code in entries:
        above, _, last = name.rpartition(".")
        module = modules[name] = new(name)
        module.__file__ = f"{top}/{file}"
        module.__package__ = name if is_package else above
        if is_package:
            module.__path__ = [module.__file__.rpartition("/")[0]]
        if above:
            setattr(modules[above], last, module)
        exec(code, module.__dict__)  # noqa: S102 - of our own modules


def commands(top: str) -> dict[str, tuple[str, ...]]:
    """Return the modules that an ordinary run imports, by command; those bring all others."""
    import posix

    checks = (name[:-3] for name in posix.listdir(f"{top}/checks") if name.endswith(".py") and name[0] != "_")
    service = ("keepalived_scripts.service.main", "checks.process")
    return {f"chk_{name}": ("keepalived_scripts.chk", f"checks.{name}") for name in checks} | {
        "chk_service": service,
        "chk_haproxy": (*service, "keepalived_scripts.service.stats"),
    }


def write(top: str, command: str, names: tuple[str, ...]) -> None:
    """Write the bundle of a command; raises OSError."""
    import marshal

    order = _imported(top, *names)
    data = marshal.dumps((load.__code__, [_entry(top, module) for module in order]))
    from vipwarden.state import files

    files.write(f"{top}/__pycache__/{command}.{sys.implementation.cache_tag}", data)


def _imported(top: str, *names: str) -> list[ModuleType]:
    """Import modules, and what an ordinary run of them imports later, their LATER.

    Return all that this loaded from the folder ``top``, each after those that it imports.
    """
    from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader

    modules = []

    class Loader(SourceFileLoader):
        def exec_module(self, module: ModuleType) -> None:
            super().exec_module(module)
            if str(module.__file__).startswith(f"{top}/"):
                modules.append(module)

    sys.path_hooks.insert(0, FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (Loader, [".py"])))
    sys.path_importer_cache.clear()
    for name in names:
        __import__(name)
        for later in getattr(sys.modules[name], "LATER", ()):
            __import__(later)
    return modules


def _entry(top: str, module: ModuleType) -> Entry:
    import __future__

    import ast
    import posix

    file = str(module.__file__)
    source = posix.open(file, posix.O_RDONLY)
    seen = posix.fstat(source)
    tree = ast.parse(posix.read(source, seen.st_size))
    posix.close(source)
    # a flag of the compiler does the same; importing __future__ costs as much as any other module
    tree.body = [line for line in tree.body if not (isinstance(line, ast.ImportFrom) and line.module == "__future__")]
    code = compile(tree, file, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    return module.__name__, file[len(top) + 1 :], seen.st_mtime_ns, seen.st_size, hasattr(module, "__path__"), code


def main() -> int:
    """Write the bundles of all commands, each in a process of its own; return how many could not be written."""
    import posix

    top = posix.getcwd() + "/" + __file__ if __file__[0] != "/" else __file__
    top = top.rpartition("/")[0].rpartition("/")[0]
    sys.path.insert(0, top)
    try:
        posix.mkdir(f"{top}/__pycache__", 0o755)
    except FileExistsError:
        pass
    failed = 0
    for command, names in commands(top).items():
        child = posix.fork()
        if not child:
            code = 1
            try:
                write(top, command, names)
                code = 0
            finally:
                posix._exit(code)
        failed += posix.waitpid(child, 0)[1] != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
