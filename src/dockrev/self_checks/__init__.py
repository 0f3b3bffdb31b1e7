"""Checks of Dockrev and its surroundings. `dockrev doctor` and `GET /api/ready` show their findings."""
