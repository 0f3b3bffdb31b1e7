"""`python -m dockrev` and the `dockrev` command."""

from dockrev.cli.main import cli


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
