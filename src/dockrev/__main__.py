"""`python -m dockrev` and the `dockrev` command."""

import sys
import traceback

from dockrev.cli.main import TROUBLE, cli


def main() -> None:
    try:
        cli()
    except Exception:  # noqa: BLE001 -- the process's top, and Python's own code 1 would mean: updates wait
        traceback.print_exc()
        sys.exit(TROUBLE)


if __name__ == "__main__":
    main()
