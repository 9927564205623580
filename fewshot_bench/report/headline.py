"""Table 1 of the paper: the quoted MAML++, the base (vgg + SGD) and the best model of every setting."""

from collections.abc import Sequence
from typing import NamedTuple

from fewshot_bench.report import published
from fewshot_bench.report.groups import Config, differing
from fewshot_bench.report.names import dataset as printed
from fewshot_bench.report.names import text_of, with_optimizer, with_setting
from fewshot_bench.report.protocol import against_paper
from fewshot_bench.report.published_beside import protocol_differences
from fewshot_bench.report.rows import Row
from fewshot_bench.report.statistics.families import best, better_by_test
from fewshot_bench.report.statistics.twins import MEASURED_BY
from fewshot_bench.report.table import NONE, Column, Entry, Table

BASE = ("vgg", "sgd")


class Place(NamedTuple):
    """A column: a setting, what distinguishes its protocol from that of its neighbours, and the rows measured so."""

    setting: published.Setting
    protocol: str
    rows: list[Row]


_ONE_SEED = "One seed: ± is half the width of the 95 % interval over its test tasks."
_UNDER = (
    "± of MAML++ (our base) and (our best): std over the seeds run here (ddof 1), unless a footnote says otherwise; "
    "of the quoted row: as quoted, its kind is not stated. "
    "Best: chosen by mean validation accuracy among the cells with the most finished seeds, never by test. "
    + published.BEST_BY_TEST
)


def headline_table(rows: Sequence[Row]) -> Table | None:
    """Settings as columns, one more if a setting was measured under several protocols; None without such cells."""
    usable = [row for row in rows if row.axes["learner"] == published.COMPARED_LEARNER and row.n]
    usable = [row for row in usable if row.group.iterations != 0]
    places = [place for setting in published.settings() for place in _places(setting, usable)]
    if not usable or not any(place.rows for place in places):
        return None
    bases = [best([row for row in place.rows if _model(row) == BASE]) for place in places]
    bests = [best(place.rows) for place in places]
    return Table(
        name="headline",
        title="Test accuracy of MAML++ by setting: quoted, base (vgg + SGD), best by validation",
        columns=(Column("", wrap=True), *map(_column, places)),
        rows=(
            (Entry("MAML++ (Antoniou et al.)", published.QUOTED), *map(_quoted, places)),
            (Entry("MAML++ (our base)"), *map(_base, bases)),
            (Entry("MAML++ (our best)"), *(_best(row, place.rows) for row, place in zip(bests, places, strict=True))),
            (Entry("best model"), *map(_named, bests)),
        ),
        under=(_UNDER, against_paper(usable)),
    )


def _places(setting: published.Setting, rows: Sequence[Row]) -> list[Place]:
    """The setting's rows by evaluation protocol: validation accuracies of two protocols cannot be compared."""
    protocols: dict[str, tuple[Config, list[Row]]] = {}
    for row in rows:
        axes = row.axes
        if (axes["dataset"], axes["ways"], axes["shots"]) == setting:
            facts = {"split": axes["split"]} | {key: row.group.fingerprint.get(key) for key in MEASURED_BY}
            protocols.setdefault(str(facts), (facts, []))[1].append(row)
    keys = differing([facts for facts, _ in protocols.values()])
    keys = [key for key in keys if not key.endswith("_hash")] or keys
    return [
        Place(setting, ", ".join(_fact(key, facts[key]) for key in keys), cells) for facts, cells in protocols.values()
    ] or [Place(setting, "", [])]


def _fact(key: str, value: object) -> str:
    """One fact of a protocol, in the heading of a column that it tells from its neighbours."""
    return f"{text_of(value)} batch norm" if key == "batch_norm" else f"{key} {text_of(value)}"


def _column(place: Place) -> Column:
    dataset, ways, shots = place.setting
    return Column(f"{shots}-shot {place.protocol}".strip(), group=f"{printed(dataset)} {ways}-way", wrap=True)


def _quoted(place: Place) -> Entry:
    """The value that the paper quotes (transductive batch norm only); a footnote says what was measured otherwise."""
    found = published.quoted(*place.setting) if {row.batch_norm for row in place.rows} <= {"transductive"} else None
    if found is None:
        return NONE
    dataset, ways, shots = place.setting
    doubts = published.flags(published.TABLE_1, method=published.AS_QUOTED, dataset=dataset, ways=ways, shots=shots)
    facts = dict.fromkeys(
        fact for row in place.rows for fact in protocol_differences(row.group.protocol, found.protocol)
    )
    otherwise = (f"Measured otherwise than here: {'; '.join(facts)}.",) if facts else ()
    return Entry(f"{found.mean:.2f} ± {found.spread:.2f}%", (*otherwise, *doubts))


def _accuracy(row: Row | None, notes: tuple[str, ...] = ()) -> Entry:
    if row is None:
        return NONE
    if row.n == 1:
        return Entry(f"{100 * row.mean:.2f} ± {100 * row.ci95:.2f}%", (_ONE_SEED, *notes, *row.code))
    return Entry(f"{100 * row.mean:.2f} ± {100 * row.std:.2f}%", (*notes, *row.code))


def _base(row: Row | None) -> Entry:
    return _accuracy(row, (f"With {row.setting}.",) if row and row.setting else ())


def _best(row: Row | None, cells: Sequence[Row]) -> Entry:
    """The choice by validation, and what test would have chosen instead."""
    by_test = better_by_test(row, cells)
    if by_test is None:
        return _accuracy(row)
    return _accuracy(row, (f"Test would have chosen {_words(by_test)} with {100 * by_test.mean:.2f}.",))


def _named(row: Row | None) -> Entry:
    return Entry(_words(row)) if row else NONE


def _words(row: Row) -> str:
    return with_setting(with_optimizer(row.axes), row.setting)


def _model(row: Row) -> tuple[str, str]:
    return row.axes["backbone"], row.axes["inner_optimizer"]
