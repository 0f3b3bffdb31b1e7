"""The paging cursor: opaque to clients, base64url of the last job's `createdAt` and `id`."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson

from dockrev.clock import parse_timestamp, timestamp
from dockrev.errors import InvalidJobsCursor
from dockrev.jobs.models import Cursor, Job


def encode_cursor(job: Job) -> str:
    document = orjson.dumps({"createdAt": timestamp(job.created_at), "id": job.id})
    return urlsafe_b64encode(document).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Raises InvalidJobsCursor for anything `encode_cursor` did not make."""
    try:
        document = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return Cursor(parse_timestamp(document["createdAt"]), str(document["id"]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InvalidJobsCursor("cursor: not one that this server gave out", {"field": "cursor"}) from error
