"""Settings that an operator may change while Dockrev runs. Each feature declares its own section."""
