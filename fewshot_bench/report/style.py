"""How the figures look: one dictionary, applied for the time of drawing and nowhere else."""

from typing import Any

INK, FAINT = "#22262b", "#8b939c"

STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "pdf.fonttype": 42,  # text that an editor can edit, as journals ask for
}

DASHES: dict[str, Any] = {
    "weight": "solid",
    "bias": (0, (1, 1.6)),
    "norm": (0, (4, 1.8)),
    "head": (0, (6, 1.5, 1, 1.5)),
}
"""Line style by kind of tensor."""

DEPTH = "viridis"
DEPTH_RANGE = (0.0, 0.88)  # its last yellow cannot be seen on white
