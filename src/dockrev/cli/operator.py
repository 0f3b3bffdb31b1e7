"""The name of the user who runs the command. Jobs record it."""

import os
import pwd


def operator_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
