"""What is named by import path is followed to the files it imports, hashed, and never run."""

import sys
from pathlib import Path

import pytest

from fewshot_bench.basics.source import source_of
from fewshot_bench.basics.source_text import parsed_source

NEVER = "raise SystemExit('this was run')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder that import paths begin in; what is imported from it is forgotten at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    """Modules by dotted name, with two underscores for a dot."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


BASE = b'"""Mine."""\nimport torch\n\ndef net(image, ways, *, width: int = 8):\n    "A net."\n    return width * ways\n'

SAME = {
    "comments": BASE.replace(b"    return", b"    # the product\n    return"),
    "line ends": BASE.replace(b"\n", b"\r\n"),
    "blank lines and spaces": BASE.replace(b"width * ways", b"( width*ways )").replace(b"\n\n", b"\n\n\n"),
    "docstrings": BASE.replace(b"Mine.", b"Yours.").replace(b'    "A net."\n', b""),
}
OTHER = {
    "a default": BASE.replace(b"= 8", b"= 9"),
    "a number's type": BASE.replace(b"= 8", b"= 8.0"),
    "an operation": BASE.replace(b"width * ways", b"width + ways"),
    "a name": BASE.replace(b"width * ways", b"ways * width"),
    "a fault of syntax": BASE + b"(\n",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_computes_the_same_has_the_same_hash(text):
    assert text != BASE
    assert parsed_source(text, "").hash == parsed_source(BASE, "").hash


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_may_compute_something_else_has_another_hash(text):
    assert parsed_source(text, "").hash != parsed_source(BASE, "").hash


def test_the_hash_is_the_same_for_every_python():
    """Written down once, by Python 3.11, 3.12.1 and 3.13, whose syntax trees of this differ in what is empty."""
    text = BASE + b"def word(x, width):\n    return f'{x:{width}}{x!r:>3}' f'{x}' if x else ''\n"
    assert parsed_source(text, "").hash == "11522902bc9c5dd5"


def test_what_is_no_python_has_the_hash_of_its_bytes():
    binary = bytes(range(256))
    assert parsed_source(binary, "").hash == parsed_source(binary, "").hash != parsed_source(binary[1:], "").hash
    assert parsed_source(b"(" * 5000, "").imports == ()


REACHED = {
    "a module beside it": ("import blocks", {"blocks.py"}),
    "under another name": ("import blocks as b", {"blocks.py"}),
    "from it": ("from blocks import block", {"blocks.py"}),
    "within a function": ("def f():\n    import blocks", {"blocks.py"}),
    "one after another": ("import chain", {"chain.py", "blocks.py"}),
    "a package": ("import nets", {"nets/__init__.py"}),
    "a module of a package": ("import nets.conv", {"nets/__init__.py", "nets/conv.py", "nets/norm.py"}),
    "a module from a package": ("from nets import norm", {"nets/__init__.py", "nets/norm.py"}),
    "a package without __init__": ("from space.deep import leaf", {"space/deep/leaf.py"}),
    "in a circle": ("import ring", {"ring.py"}),
    "the standard library": ("import json, random", set()),
    "libraries": ("import torch, numpy.linalg", set()),
    "this package": ("from fewshot_bench.backbones.vgg import vgg", set()),
    "what there is not": ("import no_such_module_at_all", set()),
}


@pytest.fixture
def neighbours(folder: Path) -> Path:
    write(folder, blocks=NEVER, chain="import blocks\n" + NEVER, ring="import mine\n" + NEVER)
    write(folder, nets____init____="", nets__conv="from .norm import scale\n" + NEVER, nets__norm=NEVER)
    write(folder, space__deep__leaf=NEVER)
    (folder / "nets" / "__init__.py").write_text("")
    return folder


@pytest.mark.parametrize(("text", "reached"), REACHED.values(), ids=REACHED)
def test_imports_are_followed_within_ones_own_files_and_nothing_is_run(neighbours, text, reached):
    write(neighbours, mine=f"{text}\n{NEVER}")
    source = source_of(["mine:net"])
    assert set(source.files) == {"mine.py"} | reached
    assert source.folders == (str(neighbours),)
    assert not source.installed


RELATIVE = {
    "from . import norm": {"pkg/norm.py"},
    "from .norm import scale": {"pkg/norm.py"},
    "from .. import blocks": set(),  # beyond the package: it fails where it is run
    "from .sub import leaf": {"pkg/sub/__init__.py", "pkg/sub/leaf.py"},
    "from .sub.leaf import x": {"pkg/sub/__init__.py", "pkg/sub/leaf.py", "pkg/norm.py"},
    "from pkg.sub import leaf": {"pkg/sub/__init__.py", "pkg/sub/leaf.py"},
}


@pytest.mark.parametrize(("text", "reached"), RELATIVE.items(), ids=RELATIVE)
def test_relative_imports_and_the_packages_above(folder, text, reached):
    for name in ("pkg", "pkg/sub"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("")
    leaf = "from ..norm import scale\n" if "leaf import" in text else ""
    write(folder, blocks=NEVER, pkg__norm=NEVER, pkg__sub__leaf=leaf + NEVER, pkg__mine=f"{text}\n{NEVER}")
    assert set(source_of(["pkg.mine:net"]).files) == {"pkg/__init__.py", "pkg/mine.py"} | reached


def test_libraries_are_named_and_what_is_installed_stands_for_its_version(folder):
    write(folder, mine="import torch\nfrom PIL import Image\nimport json\n")
    assert source_of(["mine:net"]).libraries == ("pillow", "torch")
    source = source_of(["torch.nn:Linear"])
    assert source.files == {}
    assert list(source.installed) == ["torch"]
    assert source.installed["torch"].startswith(__import__("torch").__version__.partition("+")[0])


def test_this_package_is_told_by_its_recipe():
    assert source_of(["fewshot_bench.backbones.vgg:vgg"])[:2] == ({}, {})


def test_what_is_loaded_counts_as_it_was_loaded(folder):
    """An edit does not change what a running process computes with, and is not taken for it."""
    write(folder, mine="import helper\nx = 1\n", helper="y = 1\n")
    __import__("mine")
    before = source_of(["mine:x"])
    assert before.edited == ()
    write(folder, helper="y = 22\n")
    after = source_of(["mine:x"])
    assert after.files == before.files
    assert after.edited == ("helper.py",)
    __import__("importlib").reload(sys.modules["helper"])
    again = source_of(["mine:x"])
    assert again.edited == ()
    assert again.files["helper.py"] != before.files["helper.py"]


SESSION = """
import json
from functools import partial
RATE, SHAPE, LAYERS = 0.1, [1, 2], [print]
def scaled(x):
    return RATE * x, SHAPE, LAYERS, partial(print)
class Net:
    def forward(self, x):
        return scaled(x)
def net(image, ways):
    return Net()
def plot():
    return json
"""


def session(monkeypatch, tmp_path: Path, text: str) -> str:
    """The hash of `__main__:net` of a script."""
    import types

    path = tmp_path / f"script{len(list(tmp_path.glob('*.py')))}.py"
    path.write_text(text)
    main = types.ModuleType("__main__")
    main.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile(text, str(path), "exec"), vars(main))
    return source_of(["__main__:net"]).files["__main__:net"]


def test_a_session_is_known_by_what_is_named_and_what_that_mentions(monkeypatch, tmp_path):
    first = session(monkeypatch, tmp_path, SESSION)
    assert len(first) == 16
    assert session(monkeypatch, tmp_path, SESSION.replace("return json", "return 0")) == first
    for old, new in (
        ("0.1", "0.2"),
        ("[1, 2]", "[1, 3]"),
        ("RATE * x", "RATE + x"),
        ("scaled(x)\ndef", "-scaled(x)\ndef"),
    ):
        assert old in SESSION
        assert session(monkeypatch, tmp_path, SESSION.replace(old, new)) != first


def test_a_prompt_that_keeps_no_source_is_not_known(monkeypatch, tmp_path):
    import types

    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec("def net(image, ways):\n    return None\n", vars(main))
    assert source_of(["__main__:net"]).files == {"__main__:net": ""}
