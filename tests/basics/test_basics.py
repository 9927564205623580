"""Errors, names, options, files: the small things everything leans on."""

import errno
from functools import partial
from pathlib import Path

import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.errors import BenchError, GridError
from fewshot_bench.basics.files import replacing, write_text
from fewshot_bench.basics.memory import forget_peak, peak_bytes
from fewshot_bench.basics.names import find, unknown
from fewshot_bench.basics.options import _schema_in_source, problems, schema, understood
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS


def factory(image, *, size: int = 3, rate: float = 0.5, on: bool = True, kinds: tuple[str, ...] = ("a",)):
    return image, size, rate, on, kinds


def test_find_knows_tables_and_import_paths():
    assert find("thing", "x", {"x": 1}) == 1
    assert find("thing", "math:sqrt", {})(9) == 3


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet4", "unknown backbone 'resnet4' (did you mean 'resnet-4'?). Known: resnet-4, vgg."),
        ("no_such_module:x", "importing no_such_module failed: ModuleNotFoundError"),
        ("math:pi", "backbone 'math:pi' is a float; it has to be a function or a class."),
        ("math:sqrtt", "math has no 'sqrtt' (did you mean 'sqrt'?)"),
    ],
)
def test_a_name_that_does_not_exist_says_which_was_meant(name, says):
    with pytest.raises(BenchError) as caught:
        find("backbone", name, {"vgg": 1, "resnet-4": 2})
    assert says in str(caught.value)


def test_unknown_without_a_near_name_only_lists():
    assert unknown("learner", "zzz", ["maml"]) == "unknown learner 'zzz'. Known: maml."


def test_schema_is_the_keyword_arguments_with_defaults():
    assert {name: option.default for name, option in schema(factory).items()} == {
        "size": 3,
        "rate": 0.5,
        "on": True,
        "kinds": ("a",),
    }
    assert schema(partial(factory, size=7))["size"].default == 7


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"size": 2.5}, "`size` is 2.5, but has to be a whole number."),
        ({"size": True}, "`size` is True, but has to be a whole number."),
        ({"rate": "high"}, "`rate` is 'high', but has to be a number."),
        ({"on": 1}, "`on` is 1, but has to be true or false."),
        ({"kinds": [1]}, "`kinds` is [1], but has to be a list, each item a text."),
        ({"sise": 2}, "nothing reads the key 'sise' (did you mean 'size'?)"),
    ],
)
def test_a_wrong_value_is_a_sentence_and_not_understood(values, fault):
    (said,) = problems(values, schema(factory), "[x]")
    assert said.startswith("[x]: ")
    assert fault in said
    assert understood(values, schema(factory)) == {}


def test_right_values_are_understood():
    values = {"size": 4, "rate": 1, "on": False, "kinds": ["b", "c"]}
    assert problems(values, schema(factory), "[x]") == []
    assert understood(values, schema(factory)) == {"size": 4, "rate": 1, "on": False, "kinds": ("b", "c")}


def test_a_grid_error_counts_and_lists():
    assert str(GridError(["a.", "b."], "x.toml")) == "2 problems in x.toml:\n  - a.\n  - b."


def test_a_failed_write_leaves_what_was_there(tmp_path: Path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(BenchError, match=r"cannot write .*file.txt: No space left on device"), replacing(path) as part:
        part.write_text("half of the n")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BenchError, match="cannot write"):
        write_text(tmp_path / "file" / "below.txt", "x")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux counts")
def test_the_peak_of_memory_is_since_it_was_forgotten():
    import numpy as np

    size = 300 << 20
    forget_peak()
    before = peak_bytes()
    np.ones(size, dtype=np.uint8).sum()
    assert peak_bytes() - before > 0.9 * size
    forget_peak()
    assert peak_bytes() - before < 0.1 * size


@pytest.mark.parametrize(
    "table", [BACKBONES, INNER_OPTIMIZERS, LEARNERS], ids=["backbones", "inner optimizers", "learners"]
)
def test_options_read_from_source_are_those_of_the_signature(table):
    for name, factory in table.items():
        read = schema(factory)
        assert _schema_in_source(factory.path, tuple(dict(factory.options))) is not None, name
        assert read == schema(partial(factory.load(), **dict(factory.options))), name
        assert list(read) == list(schema(partial(factory.load(), **dict(factory.options)))), name
