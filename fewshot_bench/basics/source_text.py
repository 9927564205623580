"""Parsed source texts: the hash of the syntax tree, and the imported modules. Nothing is run.

The text is a module's file, or the source of functions and classes that are in no file: those of a notebook, a script
or a prompt.
"""

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

MAIN = "__main__"
"""The module name of a session, as in the import path `__main__:my_net`."""


class ParsedSource(NamedTuple):
    """hash: of the syntax tree, so that comments, docstrings and line ends make no difference. imports: absolute dotted
    names of what may be modules, imports inside functions included. names: identifiers that the text uses.
    """

    hash: str
    imports: tuple[str, ...]
    names: tuple[str, ...]


def parsed_source(content: bytes, package: str) -> ParsedSource:
    """Parse a source text. package: dotted name of the package that it is in ("" for none), for relative imports.

    Content that is not Python (a compiled module, a syntax error) has the hash of its bytes, and no imports.
    """
    try:
        tree = ast.parse(content)
        names = dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        return ParsedSource(hash_of(repr(_plain(tree))), tuple(dict.fromkeys(_imports(tree, package))), tuple(names))
    except (SyntaxError, ValueError, RecursionError):
        return ParsedSource(hash_of(content.replace(b"\r\n", b"\n")), (), ())


def hash_of(content: str | bytes) -> str:
    """Sixteen hexadecimal digits of SHA-256."""
    whole = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(whole).hexdigest()[:16]


def _plain(node: Any) -> Any:
    """A tree as nested lists. Not ast.dump: empty fields, which a newer Python may add, are left out."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = node.body[_has_docstring(node.body) :]
    if isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty texts
        fields["values"] = [one for one in node.values if not (isinstance(one, ast.Constant) and one.value == "")]
    kept = {name: value for name, value in fields.items() if value is not None and value != []}
    return [type(node).__name__, *([name, _plain(value)] for name, value in kept.items())]


def _has_docstring(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".") if package else []
            if node.level > len(above):
                continue  # it reaches beyond its package, and would fail when run
            kept = above[: len(above) - node.level + 1] if node.level else []
            base = ".".join([*kept, *([node.module] if node.module else [])])
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))  # a name may be a module


def session_source(name: str) -> tuple[str, list[str]]:
    """(hash, modules): the hash of an object's source and of all session objects that it uses; the modules they use.

    The hash is "" if Python does not know the source, as at a plain prompt.
    """
    session = vars(sys.modules[MAIN])
    texts: dict[str, str] = {}
    modules: list[str] = []
    waiting = [name]
    while waiting:
        called = waiting.pop()
        if called in texts or called not in session:
            continue
        value = session[called]
        if isinstance(value, ModuleType):
            modules.append(value.__name__)
        elif _is_plain(value):
            texts[called] = repr(value)
        elif isinstance(where := getattr(value, "__module__", None), str) and where != MAIN:
            modules.append(where)
        elif isinstance(value, FunctionType | type):
            source = _source(value)
            if not source:
                return "", modules
            text = parsed_source(source.encode(), "")
            texts[called] = text.hash
            modules += text.imports
            waiting += text.names
    return parsed_source(repr(sorted(texts.items())).encode(), "").hash if texts else "", modules


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, a string, or a container of these, so that its repr is its content."""
    try:
        return isinstance(value, float) or ast.literal_eval(repr(value)) == value
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False


def _source(value: Any) -> str:
    """The source of a function or a class; "" if unknown. In a notebook, a class is known by its methods alone."""
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        parts = [one for one in vars(value).values() if isinstance(one, FunctionType)] if inspect.isclass(value) else []
    try:
        return "\n".join(textwrap.dedent(inspect.getsource(part)) for part in parts)
    except (OSError, TypeError):
        return ""
