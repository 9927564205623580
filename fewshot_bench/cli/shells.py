"""Completion scripts for bash, zsh and fish, from what may follow each command."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fewshot_bench.cli.command_words import Argument, Place

PROGRAM = "fewshot-bench"
EVERYWHERE = {"--help": "what the command does, and its options", "--debug": "show the traceback of a fault"}


def bash(commands: Mapping[str, str], places: Sequence[Place]) -> str:
    """To be read by `source`, or put where bash-completion looks."""
    return f"""\
_fewshot_bench() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" place="${{COMP_WORDS[1]}}"
    local flags="" names="" disk=""
    [ "$COMP_CWORD" -eq 1 ] && place=""
    case "$place" in
        {_alternatives(places)}) [ "$COMP_CWORD" -gt 2 ] && place="$place ${{COMP_WORDS[2]}}" ;;
    esac
    case "$place" in
        "") names={_quoted(commands)} flags={_quoted(EVERYWHERE)} ;;
{_lines(map(_bash_place, places))}
    esac
    case "$place $before" in
{_lines(_bash_value(at, one) for at, one in _values(places))}
    esac
    case "$word" in -*) names="$flags" disk="" ;; esac
    COMPREPLY=($(compgen -W "$names" -- "$word"))
    local IFS=$'\\n'
    [ -n "$disk" ] && COMPREPLY+=($(compgen $disk -- "$word"))
    return 0
}}
complete -o filenames -F _fewshot_bench {PROGRAM}
"""


def zsh(commands: Mapping[str, str], places: Sequence[Place]) -> str:
    """To be read by `source`, after compinit, or put into a folder of $fpath as _fewshot-bench."""
    return f"""\
#compdef {PROGRAM}
_fewshot_bench() {{
    local word="${{words[CURRENT]}}" before="${{words[CURRENT-1]}}" place="${{words[2]}}" disk=""
    local -a flags names
    (( CURRENT == 2 )) && place=""
    case "$place" in
        {_alternatives(places)}) (( CURRENT > 3 )) && place="$place ${{words[3]}}" ;;
    esac
    case "$place" in
        "") names=({_spaced(commands)}) flags=({_spaced(EVERYWHERE)}) ;;
{_lines(map(_zsh_place, places))}
    esac
    case "$place $before" in
{_lines(_zsh_value(at, one) for at, one in _values(places))}
    esac
    if [[ "$word" == -* ]]; then
        compadd -- $flags
        return
    fi
    compadd -- $names
    [[ -n "$disk" ]] && ${{=disk}}
    return 0
}}
if [[ "${{funcstack[1]}}" == _{PROGRAM} ]]; then _fewshot_bench "$@"; else compdef _fewshot_bench {PROGRAM}; fi
"""


def fish(commands: Mapping[str, str], places: Sequence[Place]) -> str:
    """To be read by `source`, or put into ~/.config/fish/completions."""
    lines = [
        "function __fewshot_bench_in --description 'whether these words follow the program'",
        "    set -l words (commandline -opc)",
        "    set -l last (math (count $argv) + 1)",
        '    test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"',
        "end",
        f"complete -c {PROGRAM} -f",
    ]
    for name, says in commands.items():
        lines.append(_fish("test (count (commandline -opc)) -eq 1", f"-a {name} -d {shlex.quote(says)}"))
    for flag, says in EVERYWHERE.items():
        lines.append(f"complete -c {PROGRAM} -l {flag[2:]} -d {shlex.quote(says)}")
    for place in places:
        here = f"__fewshot_bench_in {place.words}"
        for name in place.subcommands:
            lines.append(_fish(f"{here}; and test (count (commandline -opc)) -eq 2", f"-a {name}"))
        if place.names and not place.subcommands:
            lines.append(_fish(here, f"-a {_quoted(place.names)}"))
        if place.takes_path:
            lines.append(_fish(here, "-F" if place.takes_path == "files" else "-a '(__fish_complete_directories)'"))
        lines += [_fish(here, _fish_flag(one)) for one in place.flags]
    return "\n".join(lines) + "\n"


SHELLS: dict[str, Callable[[Mapping[str, str], Sequence[Place]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _bash_place(place: Place) -> str:
    disk = {"": "", "files": "-f", "folders": "-d"}[place.takes_path]
    return f'"{place.words}") flags={_quoted(_flags(place))} names={_quoted(place.names)} disk={disk} ;;'


def _bash_value(at: str, one: Argument) -> str:
    return f'"{at}") flags="" names={_quoted(one.choices)} disk={"-f" if one.path else ""} ;;'


def _zsh_place(place: Place) -> str:
    disk = {"": "", "files": "_files", "folders": "_files -/"}[place.takes_path]
    return f'"{place.words}") flags=({_spaced(_flags(place))}) names=({_spaced(place.names)}) disk="{disk}" ;;'


def _zsh_value(at: str, one: Argument) -> str:
    return f'"{at}") flags=() names=({_spaced(one.choices)}) disk="{"_files" if one.path else ""}" ;;'


def _fish(condition: str, what: str) -> str:
    return f'complete -c {PROGRAM} -n "{condition}" {what}'


def _fish_flag(one: Argument) -> str:
    takes = f"-x -a {_quoted(one.choices)}" if one.choices else "-r -F" if one.path else "-x" if one.value else ""
    return " ".join(filter(None, [f"-l {one.flag[2:]}", takes, f"-d {shlex.quote(one.says)}"]))


def _flags(place: Place) -> list[str]:
    return [*(one.flag for one in place.flags), *EVERYWHERE]


def _values(places: Sequence[Place]) -> Iterator[tuple[str, Argument]]:
    """Place and flag, where a value of its own follows the flag."""
    return ((f"{place.words} {one.flag}", one) for place in places for one in place.flags if one.value)


def _alternatives(places: Sequence[Place]) -> str:
    """Commands with subcommands, as a pattern of `case`."""
    return "|".join(place.words for place in places if place.subcommands)


def _quoted(words: Sequence[str] | Mapping[str, str]) -> str:
    return shlex.quote(" ".join(words))


def _spaced(words: Sequence[str] | Mapping[str, str]) -> str:
    return " ".join(map(shlex.quote, words))


def _lines(cases: Iterable[str]) -> str:
    return "\n".join(f"        {case}" for case in cases)
