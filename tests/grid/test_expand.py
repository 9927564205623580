"""A grid file becomes cells, or all its faults at once."""

import subprocess
import sys
import tomllib

import pytest

from fewshot_bench.basics.about import Traits
from fewshot_bench.basics.errors import BenchError, GridError
from fewshot_bench.cells.cell import Cell, Evaluation, Training
from fewshot_bench.cells.config_file import from_table, to_table
from fewshot_bench.grid.axes import traits_of
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile, presets, read, with_changes
from fewshot_bench.grid.validation import network_faults
from fewshot_bench.learners import LEARNERS

MINIMAL = """
[grid]
dataset = ["omniglot"]
ways = [5]
shots = [1]
learner = ["maml++"]
backbone = ["vgg", "resnet-4"]
inner_optimizer = ["sgd", "adam"]
seed = [0, 1, 2]
[training]
iterations = 300          # meta-steps; 0 is legal: the untrained network, evaluated
iterations_per_epoch = 500
tasks_per_batch = 8
queries = 1
inner_steps = 5
[evaluation]
tasks = 600               # each of validation and test
ensemble = 1
"""


def grid(text: str) -> GridFile:
    return GridFile("test", "test.toml", tomllib.loads(text))


def cells(text: str) -> list[Cell]:
    return expand(grid(text))


def faults(text: str) -> list[str]:
    with pytest.raises(GridError) as caught:
        cells(text)
    return caught.value.problems


def test_lists_multiply():
    made = cells(MINIMAL)
    assert len(made) == 12
    assert {(c.backbone, c.inner_optimizer, c.seed) for c in made} == {
        (b, o, s) for b in ("vgg", "resnet-4") for o in ("sgd", "adam") for s in (0, 1, 2)
    }
    assert {c.split for c in made} == {"gimli"}
    assert {c.training for c in made} == {Training(iterations=300)}
    assert {c.evaluation for c in made} == {Evaluation(ensemble=1)}


def test_cells_add_to_the_grid_inherit_axes_and_have_settings_of_their_own():
    made = cells(MINIMAL + '[[cells]]\nseed = [0]\nbackbone = ["vgg"]\ntraining = {iterations = 0}\n')
    assert len(made) == 14
    assert [(c.backbone, c.inner_optimizer, c.seed) for c in made[12:]] == [("vgg", "sgd", 0), ("vgg", "adam", 0)]
    assert {c.training.iterations for c in made[12:]} == {0}
    assert {c.evaluation.tasks for c in made[12:]} == {600}


def test_a_cell_written_twice_is_one():
    assert len(cells(MINIMAL + '[[cells]]\nseed = [0]\nbackbone = ["vgg"]\n')) == 12


def test_tables_of_a_name_hold_options_and_override_training():
    text = MINIMAL + '[learners."maml++"]\nmsl_epochs = 3\n[inner_optimizers.adam]\nlr = 0.01\niterations = 200\n'
    made = cells(text)
    assert {c.learner_options for c in made} == {(("msl_epochs", 3),)}
    assert {(c.inner_optimizer, c.training.iterations, c.inner_optimizer_options) for c in made} == {
        ("sgd", 300, ()),
        ("adam", 200, (("lr", 0.01),)),
    }


def test_a_datasets_split_is_its_default_or_those_of_the_list_that_it_has():
    text = MINIMAL.replace('["omniglot"]', '["omniglot", "mini-imagenet"]')
    assert {(c.dataset, c.split) for c in cells(text)} == {("omniglot", "gimli"), ("mini-imagenet", "ravi")}
    text = text.replace("ways = [5]", 'ways = [5]\nsplit = ["lake", "vinyals", "ravi"]')
    assert {(c.dataset, c.split) for c in cells(text)} == {
        ("omniglot", "lake"),
        ("omniglot", "vinyals"),
        ("mini-imagenet", "ravi"),
    }


def test_a_hash_covers_what_differs_from_the_defaults_alone():
    plain, written_out = cells(MINIMAL), cells(MINIMAL + '[learners."maml++"]\nmsl_epochs = 10\nmeta_lr = 1e-3\n')
    assert [c.id for c in plain] == [c.id for c in written_out]
    other = cells(MINIMAL + '[learners."maml++"]\nmsl_epochs = 9\n')
    assert not {c.id for c in plain} & {c.id for c in other}


SAME = [
    ("batch = 8", "batch = 4", 0),
    ("ensemble = 1", "ensemble = 3", 0),
    ("queries = 1", 'queries = 1\nrotations = "none"', 0),
    ("queries = 1", 'queries = 1\nrotations = "train"', 300),
    ("tasks = 600", "tasks = 600\nqueries = 1\ninner_steps = 5", 300),
    ("[evaluation]", "[inner_optimizers.sgd]\nlr = 0.1\n[evaluation]", 300),
]


@pytest.mark.parametrize(("old", "new", "iterations"), SAME)
def test_what_makes_no_difference_is_not_in_the_hash(old, new, iterations):
    text = MINIMAL.replace("iterations = 300", f"iterations = {iterations}")
    assert old in text
    assert cells(text) == cells(text.replace(old, new))


def test_a_whole_number_is_the_float_it_stands_for():
    whole, real = (cells(MINIMAL + f"[inner_optimizers.sgd]\nlr = {lr}\n") for lr in ("1", "1.0"))
    assert [c.id for c in whole] == [c.id for c in real]


def test_a_seed_written_out_is_the_same_computation():
    assert cells(MINIMAL)[0] == cells(MINIMAL.replace("queries = 1", "queries = 1\ninit_seed = 0"))[0]
    assert cells(MINIMAL)[1] != cells(MINIMAL.replace("queries = 1", "queries = 1\ninit_seed = 0"))[1]


def test_hashes_do_not_move():
    """A changed hash orphans everybody's results: it takes a new RECIPE, and then this test changes with it."""
    assert cells(MINIMAL)[0].id == "omniglot-5w1s-maml++-vgg-sgd-seed0-300it-3c39df91"


MIXED = MINIMAL.replace('["maml++"]', '["protonet", "maml++"]').replace('"vgg", "resnet-4"', '"vgg"')


def test_a_learner_without_inner_loop_has_one_cell_for_all_inner_optimizers():
    other = "[inner_optimizers.adam]\nlr = 0.2\niterations = 200\n[learners.protonet]\ninner_steps = 9\n"
    for text in (MIXED, MIXED + other, MIXED.replace("tasks = 600", "tasks = 600\ninner_steps = 3")):
        made = [cell for cell in cells(text) if cell.learner == "protonet"]
        assert [(c.inner_optimizer, c.inner_optimizer_options, c.seed) for c in made] == [
            ("none", (), seed) for seed in (0, 1, 2)
        ]
        assert {c.training for c in made} == {Training(iterations=300)}
        assert {c.id for c in made} == {c.id for c in cells(MIXED) if c.learner == "protonet"}
        assert all(from_table(to_table(cell)) == cell for cell in made)
        assert len({cell.id for cell in cells(text) if cell.learner == "maml++"}) == 6


def test_a_learner_by_import_path_says_itself_whether_it_has_an_inner_loop(tmp_path, monkeypatch):
    (tmp_path / "my_learners.py").write_text(
        "from fewshot_bench.learners.protonet import protonet as mine\n"
        "def not_one():\n"
        "    return 3\n"
        "class older:\n"
        "    traits = mine().traits\n"
        "    start = memory = meta_gradient = predict = update = learned = print\n"
        "class oldest:\n"
        "    start = meta_gradient = predict = print\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("my_learners:mine", "my_learners:older"):  # a class with methods is understood too
        text = MIXED.replace('"protonet"', f'"{name}"')
        assert {c.inner_optimizer for c in cells(text) if c.learner == name} == {"none"}
    for name, lacks in (
        ("not_one", "int has no meta_gradient, predict, update"),
        ("oldest", "oldest has no update"),
    ):
        told = faults(MIXED.replace('"protonet"', f'"my_learners:{name}"'))
        assert told == [f'[learners."my_learners:{name}"]: {lacks}; learners/base.py says what they are.']


def test_training_tasks_of_other_sizes_are_for_learners_that_take_them():
    text = MIXED + "[learners.protonet]\nways = 20\nshots = 5\n[learners.'maml++']\nshots = 2\n"
    made = {c.learner: (c.train_ways, c.train_shots, c.ways, c.shots) for c in cells(text)}
    assert made == {"protonet": (20, 5, 5, 1), "maml++": (5, 2, 5, 1)}
    assert cells(MIXED + "[learners.protonet]\nways = 5\nshots = 1\n") == cells(MIXED)
    told = faults(MIXED.replace("queries = 1", "queries = 1\nways = 20\nshots = 25"))
    assert sum("`ways` is 20 where tests have 5 ways, but maml++ is trained" in fault for fault in told) == 1
    assert sum("25 shots + 1 query a class (training)" in fault for fault in told) == 1
    assert len(told) == 2
    untrained = MIXED.replace("iterations = 300", "iterations = 0")
    assert cells(untrained.replace("queries = 1", "queries = 1\nways = 20")) == cells(untrained)


@pytest.mark.parametrize("name", LEARNERS)
def test_what_a_learners_file_says_of_its_traits_is_what_the_learner_says(name):
    """A grid reads the file, so that it need not import the learner."""
    own = LEARNERS[name]().traits
    assert traits_of(name, ()) == own._replace(batch_norm=Traits().batch_norm)


def test_no_inner_optimizer_is_for_learners_without_inner_loop():
    (told,) = faults(MIXED.replace('["sgd", "adam"]', '["none"]'))
    assert told.startswith("maml++ adapts by its inner optimizer, and 'none' is for learners that have no inner loop")
    alone = MIXED.replace('"protonet", "maml++"', '"protonet"')
    assert cells(alone.replace('["sgd", "adam"]', '["none"]')) == cells(alone)


def test_a_cell_survives_its_file():
    for cell in cells(
        MINIMAL + '[learners."maml++"]\nclamp_datasets = []\n[training.x]\n'.replace("[training.x]\n", "")
    ):
        assert from_table(to_table(cell)) == cell


def test_all_faults_are_told_at_once():
    told = faults(
        """
        [grid]
        dataset = ["omniglott"]
        ways = [5, "x", 1]
        shots = [1]
        lerner = ["maml++"]
        learner = ["maml+"]
        backbone = ["vgg", "resnet4", "nope:thing"]
        inner_optimizer = ["sgd"]
        [training]
        iteration = 300
        queries = 1.5
        [evaluation]
        tasks = "600"
        [learners."maml++"]
        meta_lr = 3
        [foo]
        """
    )
    for part in (
        "nothing reads the section [foo]",
        "nothing reads the key 'iteration' (did you mean 'iterations'?)",
        "`queries` is 1.5, but has to be a whole number",
        "`tasks` is '600', but has to be a whole number",
        "nothing reads the key 'lerner' (did you mean 'learner'?)",
        "unknown dataset 'omniglott' (did you mean 'omniglot'?)",
        "`ways` is 'x'",
        "`ways` is 1, but has to be a whole number, at least 2",
        "unknown learner 'maml+' (did you mean 'maml++'?)",
        "unknown backbone 'resnet4' (did you mean 'resnet-4'?)",
        "importing nope failed",
        "no cell of this grid has that learner",
    ):
        assert sum(part in fault for fault in told) == 1, part
    assert len(told) == 12


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("shots = [1]", "shots = [20]"), "20 shots + 1 query a class (training) make 21 images, but omniglot has 20"),
        (("ways = [5]", "ways = [51]"), "51 ways: split 'gimli' of omniglot has 50 val classes"),
        (("iterations = 300", "iterations = -1"), "`iterations` is -1, but has to be at least 0"),
        (("tasks = 600", "tasks = 1"), "`tasks` is 1, but has to be at least 2"),
        (("ways = [5]", 'ways = [5]\nsplit = ["ravi"]'), "omniglot has none of the splits 'ravi'"),
        (("ways = [5]", 'ways = [5]\nsplit = ["gimly"]'), "unknown split 'gimly' (did you mean 'gimli'?)"),
        (("queries = 1\n", 'queries = 1\nrotations = "some"\n'), "has to be one of 'dataset', 'train', 'none'"),
        (("[evaluation]", "[backbones.vgg]\nstages = 0.5\n[evaluation]"), "`stages` is 0.5"),
        (("[evaluation]", "[backbones.resnet-8]\n[evaluation]"), "no cell of this grid has that backbone"),
        (("dataset = ", "datasets = "), "the axis `dataset` is missing or empty"),
        (("[evaluation]", "[backbones]\nvgg = 3\n[evaluation]"), '[backbones."vgg"] has to be a table'),
    ],
)
def test_what_cannot_be_is_refused(change, says):
    assert any(says in fault for fault in faults(MINIMAL.replace(*change)))


def test_a_backbone_that_cannot_be_built_is_refused(tmp_path, monkeypatch):
    (tmp_path / "broken_net.py").write_text("def net(image, ways):\n    raise RuntimeError('no such layer')\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = network_faults(cells(MINIMAL.replace('"resnet-4"', '"broken_net:net"')))
    assert any("'broken_net:net' for omniglot, 5 ways: RuntimeError: no such layer" in fault for fault in told)


def test_a_backbone_with_the_wrong_logits_is_refused(tmp_path, monkeypatch):
    (tmp_path / "wide_net.py").write_text(
        "from torch import nn\n"
        "def net(image, ways):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, ways + 3))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    told = network_faults(cells(MINIMAL.replace('"resnet-4"', '"wide_net:net"')))
    assert any("gives [2, 8] for two images; logits have to be [2, 5]" in fault for fault in told)


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "raise RuntimeError('no')", "import nothing_such"])
def test_a_module_that_cannot_be_imported_is_refused(tmp_path, monkeypatch, body):
    (tmp_path / "bad_module.py").write_text(body + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = faults(MINIMAL.replace('"resnet-4"', '"bad_module:net"'))
    assert any("importing bad_module failed" in fault for fault in told)


def test_an_empty_grid_is_refused():
    assert faults("[training]\niterations = 3\n") == ["there is neither a [grid] nor [[cells]]."]


def test_set_and_seed_change_the_grid():
    changed = with_changes(grid(MINIMAL), ["training.iterations=7", "grid.backbone=vgg"], [5])
    made = expand(changed)
    assert {(c.backbone, c.seed, c.training.iterations) for c in made} == {("vgg", 5, 7)}
    changed = with_changes(grid(MINIMAL), ['learners."maml++".meta_lr=0.5'], [])
    assert {c.learner_options for c in expand(changed)} == {(("meta_lr", 0.5),)}
    with pytest.raises(BenchError, match=r"'iterations' is no assignment"):
        with_changes(grid(MINIMAL), ["iterations"], None)


def test_narrowing_an_axis_takes_its_options_along():
    text = MINIMAL + "[inner_optimizers.adam]\nlr = 0.2\n[inner_optimizers.sgd]\nlr = 0.3\n"
    made = expand(with_changes(grid(text), ['grid.inner_optimizer=["sgd"]'], None))
    assert {(c.inner_optimizer, c.inner_optimizer_options) for c in made} == {("sgd", (("lr", 0.3),))}


def test_a_grid_that_is_not_there_says_what_is():
    with pytest.raises(BenchError, match=r"'quik' is neither a file nor a preset \(did you mean 'quick'\?\)"):
        read("quik")


def test_a_grid_that_an_editor_marked_is_the_same_grid(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_bytes(MINIMAL.encode())
    plain = read(str(path))
    path.write_bytes(MINIMAL.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read(str(path)) == plain


def test_a_grid_in_another_encoding_is_a_sentence(tmp_path):
    path = tmp_path / "grid.toml"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        path.write_bytes(MINIMAL.encode(encoding))
        with pytest.raises(BenchError, match=r"^\S*grid\.toml is text in UTF-16\. Save it as UTF-8\.$"):
            read(str(path))
    path.write_bytes("# Märchen".encode("latin1"))
    with pytest.raises(BenchError, match=r"grid\.toml is not text in UTF-8 \(.* at byte 3\)\. Save it as UTF-8\.$"):
        read(str(path))


def test_a_grid_that_is_not_toml_says_where(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text("[grid\n")
    with pytest.raises(BenchError, match=r"grid\.toml is not TOML: .*line 1"):
        read(str(path))


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_understood(name):
    assert expand(read(name))


def test_cells_may_have_options_of_their_own():
    """They hold before those of a name's table, for these cells alone."""
    text = (
        MINIMAL
        + "[inner_optimizers.adam]\nlr = 0.02\nbeta1 = 0.9\n"
        + '[[cells]]\nlearner = ["reptile"]\ninner_optimizer = ["adam"]\nseed = [0]\n'
        + "inner_optimizer_options = { lr = 0.001 }\nlearner_options = { inner_batch = 5 }\n"
    )
    found = cells(text)
    named = {
        cell.inner_optimizer_options for cell in found if (cell.learner, cell.inner_optimizer) == ("maml++", "adam")
    }
    assert named == {(("beta1", 0.9), ("lr", 0.02))}
    (vgg, resnet) = (cell for cell in found if cell.learner == "reptile")
    assert vgg.inner_optimizer_options == resnet.inner_optimizer_options == (("beta1", 0.9), ("lr", 0.001))
    assert vgg.learner_options == (("inner_batch", 5),)


def test_a_fault_in_options_of_cells_is_told_where_it_stands():
    text = MINIMAL + "[[cells]]\ninner_optimizer_options = { rate = 0.1 }\nbackbone_options = 3\n"
    with pytest.raises(GridError, match="number 1 backbone_options has to be a table"):
        cells(text)
    text = MINIMAL + "[[cells]]\ninner_optimizer_options = { beta1 = 0.1 }\n"
    with pytest.raises(GridError, match="number 1 inner_optimizer_options for sgd: nothing reads the key 'beta1'"):
        cells(text)


def test_a_typo_is_told_without_importing_torch(tmp_path):
    """Importing torch alone takes more than a second of processor time."""
    code = (
        "import sys; from fewshot_bench.cli.main import main; status = main(sys.argv[1:]); "
        "sys.exit(status if 'torch' not in sys.modules else 'torch was imported')"
    )
    for grid in (MINIMAL.replace('"resnet-4"', '"resnet-40"'), MINIMAL + '[learners."maml++"]\nmeta_lrr = 0.1\n'):
        (tmp_path / "grid.toml").write_text(grid)
        words = [sys.executable, "-c", code, "run", str(tmp_path / "grid.toml")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "did you mean" in done.stderr
