"""`python -m dockrev` and the `dockrev` command."""

import sys
import traceback

from dockrev.cli.output import outlive_readers
from dockrev.cli.signals import ending_at_once


def main() -> None:
    outlive_readers()
    with ending_at_once():
        from dockrev.cli.main import TROUBLE, cli  # noqa: PLC0415 -- slow, so ctrl-c must work during the import
    try:
        cli()
    except Exception:  # noqa: BLE001 -- Python's exit code 1 would mean that updates wait
        traceback.print_exc()
        sys.exit(TROUBLE)


if __name__ == "__main__":
    main()
