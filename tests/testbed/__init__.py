"""
Real parts for tests and demonstrations: a Docker engine, registries, Compose projects. As root, on Debian.

    with Bed.open("demo") as bed:
        pushed = bed.registry.push(bed.images.build("web", version="1.0"), "web:latest")
        projects = Projects(bed.engine, directory, bed.docker_config)
        projects.create("blog", {"web": {"image": pushed.name}}).up()

Tests take the fixtures of `fixtures.py`. Everything listens on loopback or on a private socket, and is gone
when its last user is, however that one ends: see `keeper_process.py`.
"""
