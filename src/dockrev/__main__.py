"""`python -m dockrev` and the `dockrev` command."""

import sys
import traceback

from dockrev.cli.output import outlive_readers
from dockrev.cli.signals import ending_at_once


def main() -> None:
    outlive_readers()
    with ending_at_once():
        from dockrev.cli.main import TROUBLE, cli  # noqa: PLC0415 -- takes a while, and can be interrupted
    try:
        cli()
    except Exception:  # noqa: BLE001 -- the process's top, and Python's own code 1 would mean: updates wait
        traceback.print_exc()
        sys.exit(TROUBLE)


if __name__ == "__main__":
    main()
