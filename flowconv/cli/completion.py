"""Shell completion of the command `flowconv`, from the flags of the commands and the schema of settings.

eval "$(flowconv completion bash)"    # in ~/.bashrc
eval "$(flowconv completion zsh)"     # in ~/.zshrc, after compinit
"""

from collections.abc import Iterator

from flowconv.cli import registry
from flowconv.cli.command import Command
from flowconv.cli.flags import Flag
from flowconv.config import config_file, settings

HELP, VERSION, COMPLETION = "help", "--version", "completion"

BASH = """_flowconv() {{
    local word=${{COMP_LINE:0:COMP_POINT}} names values
    word=${{word##* }}
    if ((COMP_CWORD == 1)); then
        names="{commands}"
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    if [[ $word == *=* ]]; then
        COMPREPLY=($(compgen -W "$values" -- "$word"))
        [[ $COMP_WORDBREAKS != *=* ]] || COMPREPLY=("${{COMPREPLY[@]#*=}}")
    else
        COMPREPLY=($(compgen -W "$names" -- "$word"))
        [[ ${{COMPREPLY[0]}} != *= ]] || compopt -o nospace
    fi
}}
complete -o default -F _flowconv flowconv
"""

ZSH = """#compdef flowconv
_flowconv() {{
    local names values flag
    if ((CURRENT == 2)); then
        names="{commands}"
    else
        case ${{words[2]}} in
{cases}
        esac
    fi
    if [[ $PREFIX == *=* ]]; then
        flag=${{PREFIX%%=*}}=
        compset -P '*='
        compadd -- ${{${{(M)${{=values}}:#${{flag}}*}}#$flag}} || _files
    else
        compadd -S '' -- ${{(M)${{=names}}:#*=}}
        compadd -- ${{${{=names}}:#*=}}
    fi
}}
compdef _flowconv flowconv
"""
CASE = """            {name})
                names="{names}"
                values="{values}" ;;"""
SHELLS = {"bash": BASH, "zsh": ZSH}


def script(shell: str) -> str:
    """Returns the script that has a shell complete commands, flags and those values that are words; else files."""
    commands = {name: registry.load(module) for name, module in registry.modules().items()}
    words = " ".join([*commands, HELP, COMPLETION])
    cases = [CASE.format(name=HELP, names=" ".join(commands), values="")]
    cases += [CASE.format(name=COMPLETION, names=" ".join(SHELLS), values="")]
    for name, command in commands.items():
        if isinstance(command, Command):  # one parses its arguments itself
            flags = dict(_flags(command))
            values = " ".join(f"{flag}{value}" for flag, found in flags.items() for value in found)
            cases.append(CASE.format(name=name, names=" ".join([*flags, "--help"]), values=values))
    return SHELLS[shell].format(commands=f"{words} {VERSION}", cases="\n".join(cases))


def _flags(command: Command) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The flags of a command, each with an = if it takes a value, and the values that are known."""
    for flag in command.own_flags:
        if flag.boolean:
            yield from ((f"--{flag.name}", ()), (f"--no{flag.name}", ()))
        else:
            yield f"--{flag.name}=", _values(flag)
    if command.takes_config:
        for name, setting in settings().items():
            yield f"--config.{name}=", ("true", "false") if setting.kind is bool else setting.names


def _values(flag: Flag) -> tuple[str, ...]:
    if flag.name == "config":
        return tuple(sorted(path.stem for path in config_file.CONFIGS.glob("*.py")))
    return flag.parser.words
