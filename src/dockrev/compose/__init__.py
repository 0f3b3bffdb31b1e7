"""The real Compose CLI as a child process. Only this package knows its command lines."""
