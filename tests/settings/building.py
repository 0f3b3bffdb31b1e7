"""Settings stores for tests."""

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.settings.cipher import SecretCipher
from dockrev.settings.store import SettingsStore


def settings_store(database: Database, clock: Clock, key: bytes | None = None) -> SettingsStore:
    key_file = database.path.with_name(f"{database.path.name}.key")
    return SettingsStore(database, clock, SecretCipher(key, key_file))
