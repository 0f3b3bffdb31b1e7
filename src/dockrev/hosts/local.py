"""The id of the host whose engine DOCKER_HOST names. Every installation has it."""

LOCAL = "local"
