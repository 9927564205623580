"""Tables as LaTeX with booktabs: a file to \\input into a paper that also compiles as it is."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

from fewshot_bench.report.table import Column, Marked, Table, blanked, footnotes, opens_section, spans

_BEGIN = r"""% Input this file into a document that loads booktabs, or compile it as it is.
\ifdefined\toprule
  \let\fewshotbenchend\relax
\else
  \documentclass{article}
  \usepackage[utf8]{inputenc}
  \usepackage{booktabs}
  \usepackage[landscape,margin=15mm]{geometry}
  \def\fewshotbenchend{\end{document}}
  \begin{document}
\fi
"""
_LONG = 40  # characters of a field; longer ones are set as paragraphs
_END = "\\fewshotbenchend\n"

_COMMANDS = {
    **{mark: "\\" + mark for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",  # \textquotedbl exists in T1 fonts alone
    "±": r"$\pm$",
    "×": r"$\times$",
}


def latex(tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """A table environment for each table, labelled tab:<name>; footnotes and paragraphs stand in it."""
    blocks = [_table(table) for table in tables]
    blocks += ["\n".join(rf"\par\noindent {escaped(remark)}" for remark in remarks) + "\n"] if remarks else []
    return _BEGIN + "\n" + "\n".join(blocks) + "\n" + _END


def escaped(text: str) -> str:
    """Text in which nothing is a command, and nothing is beyond what pdfLaTeX's own fonts can set."""
    return "".join(_COMMANDS.get(mark, mark if " " <= mark <= "~" else _beyond_ascii(mark)) for mark in text)


def _beyond_ascii(mark: str) -> str:
    """Accented letters are set; anything else is named by its code point, since one missing glyph stops a paper."""
    accented = "À" <= mark <= "ÿ" and unicodedata.normalize("NFD", mark)[0].isascii()
    return mark if accented else f"[U+{ord(mark):04X}]"


def _table(table: Table) -> str:
    alignment = "".join(_alignment(table, index) for index in range(len(table.columns)))
    lines = [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escaped(table.title)}}}\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{@{{}}{alignment}@{{}}}}",
        r"\toprule",
        *_groups(table.columns),
        " & ".join(escaped(column.title) for column in table.columns) + r" \\",
        r"\midrule",
    ]
    for index, row in enumerate(blanked(table)):
        lines += [r"\addlinespace"] if opens_section(table, index) else []
        lines.append(" & ".join(map(_field, row, table.columns)) + r" \\")
    notes = [rf"$^{{\mathrm{{{letter}}}}}$ {escaped(note)}" for note, letter in footnotes(table).items()]
    below = [*notes, *(escaped(text) for text in table.under)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if below:
        lines += [
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\raggedright",
            "\\par\n".join(below),
            r"\end{minipage}",
        ]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _alignment(table: Table, index: int) -> str:
    """A column's letter; a paragraph if its text is too long for a line."""
    longest = max((len(row[index].text) for row in table.rows), default=0)
    return r"p{0.35\linewidth}" if longest > _LONG else table.columns[index].align[0]


def _groups(columns: Sequence[Column]) -> list[str]:
    """A line of headings that span columns, with their rules; nothing if no column has one."""
    found = spans(columns)
    if not any(name for name, _ in found):
        return []
    last = list(accumulate(count for _, count in found))
    rules = [
        rf"\cmidrule(lr){{{end - count + 1}-{end}}}" for (name, count), end in zip(found, last, strict=True) if name
    ]
    headings = [rf"\multicolumn{{{count}}}{{c}}{{{escaped(name)}}}" for name, count in found]
    return [" & ".join(headings) + r" \\", " ".join(rules)]


def _field(field: Marked, column: Column) -> str:
    """Text and letters; in a column of numbers the letters take no room, so that the decimals stay in line."""
    text = escaped(field.text)
    text = f"${text}$" if re.fullmatch(r"[+-]\d+\.\d+", text) else text
    if not field.letters:
        return text
    letters = rf"$^{{\mathrm{{{','.join(field.letters)}}}}}$"
    return text + (rf"\rlap{{{letters}}}" if column.align == "right" else letters)
