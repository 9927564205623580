"""`list`: everything there is, by kind and by name."""

import sys

import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.cli.main import main
from fewshot_bench.cli.parts import first_sentence, option_rows, sentence
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.grid.files import presets
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.report.terminal import WIDTH

KINDS = {
    "learners": LEARNERS,
    "backbones": BACKBONES,
    "inner-optimizers": INNER_OPTIMIZERS,
    "datasets": DATASETS,
    "presets": presets(),
}


def listed(capsys, *words, width=1000):
    """The lines that are printed where no terminal is, and a file as wide as that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fewshot_bench.report.console.WIDTH", width)
        assert main(["list", *words]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [60, 80, WIDTH])
@pytest.mark.parametrize(
    "words",
    [[], *([kind] for kind in KINDS), ["omniglot"], ["sgd"], ["adam"], ["vgg"], ["rprop"]],
)
def test_lines_are_no_longer_than_asked_for_and_say_the_same(words, width, capsys):
    narrow, wide = (listed(capsys, *words, width=columns) for columns in (width, 1000))
    assert max(map(len, narrow)) <= width
    assert " ".join(narrow).split() == " ".join(wide).split()


def test_a_file_gets_a_hundred_columns(capsys):
    assert main(["list", "presets"]) == 0
    assert 90 < max(map(len, capsys.readouterr().out.splitlines())) <= WIDTH == 100
    assert listed(capsys, "presets", width=80)[:2] == [
        "anil-mini-imagenet              mini-ImageNet of Table 2 of Raghu et al. 2020",
        "                                (arXiv:1909.09157): ANIL and MAML, 5-way 1- and",
    ]


def test_everything_has_a_line_with_a_sentence(capsys):
    lines = listed(capsys)
    sections = "\n".join(lines).split("\n\n")
    for section, (kind, names) in zip(sections, KINDS.items(), strict=True):
        heading, *rows = section.splitlines()
        assert heading == kind
        assert [row.split()[0] for row in rows] == list(names)
        assert all(len(row.split()) > 1 for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_by_any_of_its_names(kind, capsys):
    lines = listed(capsys, kind)
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(KINDS[kind])
    assert lines == listed(capsys, kind.removesuffix("s")) == listed(capsys, kind.replace("-", "_"))


def test_a_kind_comes_with_options(capsys):
    assert "    downsample = \"pool\"  one of 'pool', 'stride'" in listed(capsys, "backbones")
    blocks = "    blocks = [1, 1, 1, 1]  a list, each item a whole number"  # and, on a wide screen, what it means
    assert any(line.startswith(blocks) for line in listed(capsys, "backbones"))


def test_a_name_comes_with_all_about_it(capsys):
    lines = listed(capsys, "adam")
    assert lines == listed(capsys, "inner-optimizer", "adam")
    assert lines[0].startswith("adam: Adam (Kingma & Ba 2015, Algorithm 1)")
    assert 'Options, set in a grid by [inner_optimizers."adam"]:' in lines
    assert any(line.split()[:3] == ["from_outer", "=", "true"] for line in lines)
    assert any(line.startswith("lr, beta1, beta2, eps: initial values") for line in lines)


def test_an_option_comes_with_its_meaning(capsys):
    (line,) = [line for line in listed(capsys, "learner", "maml++") if line.split()[:1] == ["truncate"]]
    assert line.split()[:6] == ["truncate", "=", "absent", "a", "whole", "number"]
    assert "Differentiate through so many of the last inner steps only" in line


def test_a_learner_is_told_by_what_sets_it_apart(capsys):
    rows = {line.split()[0]: line for line in listed(capsys, "learners") if not line.startswith(" ")}
    assert rows["fomaml"].endswith("  MAML without second derivatives.")
    assert len({line.partition("  ")[2] for line in rows.values()}) == len(LEARNERS)


def test_what_a_name_sets_is_told(capsys):
    lines = listed(capsys, "fomaml")
    assert lines[0].startswith("fomaml: MAML without second derivatives. MAML (Finn et al. 2017)")
    assert "With learn_hyperparameters = false" in lines[0]
    assert "Args:" not in lines


def test_a_dataset_comes_with_its_options(capsys):
    assert "    size = 84  a whole number  Height and width of its images, in pixels." in listed(capsys, "datasets")
    lines = listed(capsys, "dataset", "mini-imagenet")
    assert lines[0].endswith("100 classes x 600 images of 3x84x84; splits ravi, gimli-fork, all.")
    assert 'Options, set in a grid by [datasets."mini-imagenet"]:' in lines
    own = listed(capsys, "dataset", "tests.own_datasets:birds")
    sentence = "Twelve kinds of bird, each a pattern with noise on it."
    assert own[0] == f"tests.own_datasets:birds: {sentence} 12 classes, images of 3x8x8; splits mine."
    assert own[-1] == "    images = 5  a whole number  Images of each kind."


def test_a_preset_is_printed_as_it_is(capsys):
    assert listed(capsys, "quick") == presets()["quick"].splitlines()


def test_somebodys_own(tmp_path, capsys, monkeypatch):
    (tmp_path / "listed_net.py").write_text('def net(image, ways, *, depth: int = 3):\n    """Deep. And wide."""\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    lines = listed(capsys, "backbone", "listed_net:net")
    assert lines[0] == "listed_net:net: Deep."
    assert lines[-1] == "    depth = 3  a whole number"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["resnet12"], "there is nothing called 'resnet12' (did you mean 'resnet-12'?). Kinds: learners, "),
        (["backbones", "resnet12"], "unknown backbone 'resnet12' (did you mean 'resnet-12'?)"),
        (["presets", "quik"], "unknown preset 'quik' (did you mean 'quick'?)"),
        (["dataset", "omniglott"], "unknown dataset 'omniglott' (did you mean 'omniglot'?)"),
    ],
)
def test_a_mistake_is_a_sentence(words, says, capsys):
    assert main(["list", *words]) == 2
    assert says in capsys.readouterr().err


def test_a_first_sentence_is_not_cut_at_an_abbreviation():
    text = "As in Finn et al. 2017, eq. 1, and\nmore. Then another.\n\nBody."
    assert first_sentence(text) == "As in Finn et al. 2017, eq. 1, and more."


def test_a_docstring_is_broken_anew_and_its_entries_stay_apart(capsys):
    lines = listed(capsys, "sgd", width=80)
    assert "nesterov: g + momentum * b in place of b (Sutskever et al. 2013, section 2);" in lines
    assert "weight_decay: of the L2 penalty's gradient, weight_decay * p." in lines
    (at,) = [i for i, line in enumerate(lines) if line.startswith("The last four are off")]
    assert " ".join(lines[at : at + 3]).endswith("[0, 1], weight_decay from 0 up.")


def test_a_factory_without_words_has_no_sentence():
    def bare(image, ways, *, depth=3):
        return image, ways, depth

    assert sentence(bare) == ""
    assert option_rows(bare) == [("depth = 3  true or false, a number, a text or a list of these  ", "")]
