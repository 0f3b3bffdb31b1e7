"""
Real parts for tests and demonstrations: a Docker engine, registries, Compose projects. Needs root and Debian.

    with Bed.open("demo") as bed:
        pushed = bed.registry.push(bed.images.build("web", version="1.0"), "web:latest")
        projects = Projects(bed.engine, directory, bed.docker_config)
        projects.create("blog", {"web": {"image": pushed.name}}).up()

Tests use the fixtures of `fixtures.py`. Everything listens on loopback or on a private socket. It is removed
when its last user ends, even if that user is killed: see `keeper_process.py`.
"""
