"""`qiaod completion`: the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
      bash: qiaod completion bash > ~/.local/share/bash-completion/completions/qiaod
      zsh:  qiaod completion zsh > ~/.zfunc/_qiaod      (with ~/.zfunc in fpath)
      fish: qiaod completion fish > ~/.config/fish/completions/qiaod.fish
    """
    from daemon.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "qiaod", "_QIAOD_COMPLETE").source())
