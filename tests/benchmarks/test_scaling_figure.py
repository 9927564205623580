"""A measured zero is drawn, beside other work too, where memory may not rise above what others freed."""

from benchmarks import peak
from benchmarks.scaling_figure import Point, drawn


def test_a_measured_zero_is_drawn():
    mebibytes = {"ours": (0.0, 0.25, 900.0), "higher": (0.0, 0.0, None)}
    points = [
        Point("steps", steps, name, 0.1 * steps, value)
        for name, values in mebibytes.items()
        for steps, value in zip((0, 2, 5), values, strict=True)
    ]
    figure = drawn(points)
    figure.draw_without_rendering()
    time, memory = figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in memory.lines}
    assert lines == {"ours": [[0, 0], [2, 0.25], [5, 900]], "higher": [[0, 0], [2, 0]]}
    assert time.get_xscale() == memory.get_yscale() == "symlog"


def test_without_any_memory_the_axis_is_linear():
    figure = drawn([Point("tasks", tasks, "ours", 0.1, 0.0) for tasks in (1, 2)])
    figure.draw_without_rendering()
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]


def test_a_peak_is_never_below_what_there_was(monkeypatch):
    """Linux adds up a process's pages with a delay, so that a mark may be a little too low."""
    marks = iter([100.0, 99.75])
    monkeypatch.setattr(peak, "MARKS", peak.Path("nowhere"))
    monkeypatch.setattr(peak.Peak, "_highest", lambda self: next(marks))
    with peak.Peak("cpu") as found:
        pass
    assert found.mebibytes == 0
