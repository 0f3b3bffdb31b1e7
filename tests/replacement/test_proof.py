"""The proof, on documents as the engine writes them. Each test changes one setting."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.replacement import proof

OLD_IMAGE, NEW_IMAGE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
Document = dict[str, Any]


def image(image_id: str = OLD_IMAGE, **config: Any) -> ImageDetail:
    defaults: Document = {
        "Cmd": ["serve"],
        "Entrypoint": None,
        "Env": ["PATH=/bin", "VERSION=1"],
        "Labels": {"org.opencontainers.image.version": "1"},
        "User": "",
        "WorkingDir": "/srv",
    }
    document = {"Id": image_id, "Os": "linux", "Architecture": "amd64", "Config": {**defaults, **config}}
    return ImageDetail.parse(document)


def container(image_id: str = OLD_IMAGE) -> Document:
    """The container of a service that uses almost every setting."""
    return {
        "Id": "c" * 64,
        "Name": "/blog-web-1",
        "Image": image_id,
        "State": {"Status": "running"},
        "Config": {
            "Hostname": "c" * 12,
            "Cmd": ["serve"],
            "Env": ["TOKEN=s3cret", "PATH=/bin", "VERSION=1"],
            "Labels": {
                proof.CONFIG_HASH: "h1",
                "com.docker.compose.image": image_id,
                "org.opencontainers.image.version": "1",
                "team": "blue",
            },
            "User": "",
            "WorkingDir": "/srv",
            "StopTimeout": 30,
        },
        "HostConfig": {
            "NetworkMode": "blog_default",
            "Memory": 64_000_000,
            "CapDrop": ["NET_RAW"],
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
            "Ulimits": [{"Name": "nofile", "Hard": 2048, "Soft": 2048}],
            "ReadonlyRootfs": True,
        },
        "Mounts": [
            {
                "Type": "volume",
                "Name": "blog_data",
                "Source": "/v/blog_data",
                "Destination": "/data",
                "RW": True,
            },
            {"Type": "bind", "Source": "/etc/web", "Destination": "/etc/web", "RW": False},
            {"Type": "volume", "Name": "a" * 64, "Source": "/v/a", "Destination": "/cache", "RW": True},
        ],
        "NetworkSettings": {
            "Networks": {
                "blog_default": {"Aliases": ["web", "c" * 12], "IPAMConfig": None},
                "inner": {"Aliases": ["web", "www"], "IPAMConfig": {"IPv4Address": "10.1.2.3"}},
            }
        },
    }


def replaced() -> Document:
    """The container that Compose creates for the same service on the new image."""
    document = copy.deepcopy(container(NEW_IMAGE))
    document["Id"] = "d" * 64
    config = document["Config"]
    config["Hostname"] = "d" * 12
    config["Cmd"] = ["serve", "--fast"]
    config["Env"] = ["TOKEN=s3cret", "PATH=/bin:/opt", "VERSION=2"]
    config["Labels"]["org.opencontainers.image.version"] = "2"
    document["Mounts"][2] |= {"Name": "b" * 64, "Source": "/v/b"}
    document["NetworkSettings"]["Networks"]["blog_default"]["Aliases"] = ["d" * 12, "web"]
    return document


def new_image() -> ImageDetail:
    return image(
        NEW_IMAGE,
        Cmd=["serve", "--fast"],
        Env=["PATH=/bin:/opt", "VERSION=2"],
        Labels={"org.opencontainers.image.version": "2"},
    )


def before() -> proof.Fingerprint:
    return proof.fingerprint(ContainerDetail.parse(container()), image())


def after(document: Document) -> proof.Fingerprint:
    return proof.fingerprint(ContainerDetail.parse(document), new_image())


def differences(document: Document) -> list[str]:
    return [one.setting for one in proof.compare(before(), after(document))]


def test_changes_that_the_new_image_explains_are_no_difference() -> None:
    assert differences(replaced()) == []


def lose(*path: str | int) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def put(value: Any, *path: str | int) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        (lose("NetworkSettings", "Networks", "inner"), "network.inner"),
        (put({}, "NetworkSettings", "Networks", "other"), "network.other"),
        (put(["web"], "NetworkSettings", "Networks", "inner", "Aliases"), "network.inner"),
        (put(None, "NetworkSettings", "Networks", "inner", "IPAMConfig"), "network.inner"),
        (put("bridge", "HostConfig", "NetworkMode"), "network.mode"),
        (lose("Mounts", 0), "mount./data"),
        (put("b" * 64, "Mounts", 0, "Name"), "mount./data"),
        (lose("Mounts", 2), "mount./cache"),
        (put(True, "Mounts", 1, "RW"), "mount./etc/web"),
        (put("/elsewhere", "Mounts", 1, "Source"), "mount./etc/web"),
        (put(0, "HostConfig", "Memory"), "host.Memory"),
        (lose("HostConfig", "CapDrop"), "host.CapDrop"),
        (put({}, "HostConfig", "PortBindings"), "host.PortBindings"),
        (put({"Name": "no"}, "HostConfig", "RestartPolicy"), "host.RestartPolicy"),
        (put(None, "HostConfig", "Ulimits"), "host.Ulimits"),
        (put(False, "HostConfig", "ReadonlyRootfs"), "host.ReadonlyRootfs"),
        (put(True, "HostConfig", "Privileged"), "host.Privileged"),
        (put(["PATH=/bin:/opt", "VERSION=2"], "Config", "Env"), "env.TOKEN"),
        (put(["TOKEN=other", "PATH=/bin:/opt", "VERSION=2"], "Config", "Env"), "env.TOKEN"),
        (lose("Config", "Labels", "team"), "label.team"),
        (put(["other"], "Config", "Cmd"), "config.Cmd"),
        (put("root", "Config", "User"), "config.User"),
        (put("fixed", "Config", "Hostname"), "config.Hostname"),
        (put(10, "Config", "StopTimeout"), "config.StopTimeout"),
    ],
)
def test_every_lost_setting_is_a_difference(change: Callable[[Document], None], setting: str) -> None:
    document = replaced()
    change(document)
    assert differences(document) == [setting]


def test_an_edited_compose_file_explains_everything() -> None:
    document = replaced()
    document["HostConfig"]["Memory"] = 0
    document["Config"]["Labels"][proof.CONFIG_HASH] = "h2"
    assert differences(document) == []


@pytest.mark.parametrize(
    "change",
    [
        put(["TOKEN=hidden", "PATH=/bin:/opt", "VERSION=2"], "Config", "Env"),
        put(["OTHER=hidden", "TOKEN=s3cret", "PATH=/bin:/opt", "VERSION=2"], "Config", "Env"),
        put("hidden", "Config", "Labels", "team"),
        put(["serve", "--password=hidden"], "Config", "Cmd"),
        put(["start", "hidden"], "Config", "Entrypoint"),
        put({"Test": ["CMD", "ping", "hidden"]}, "Config", "Healthcheck"),
        put({"Type": "splunk", "Config": {"splunk-token": "hidden"}}, "HostConfig", "LogConfig"),
    ],
)
def test_values_that_may_be_secret_are_neither_stored_nor_shown(change: Callable[[Document], None]) -> None:
    document = replaced()
    change(document)
    losses = proof.compare(before(), after(document))
    assert len(losses) == 1
    assert "s3cret" not in f"{before()} {losses}"
    assert "hidden" not in f"{after(document)} {losses} {losses[0]}"


def test_a_shared_network_may_belong_to_another_container() -> None:
    old, new = container(), replaced()
    old["HostConfig"]["NetworkMode"], new["HostConfig"]["NetworkMode"] = (
        "container:" + "1" * 64,
        "container:" + "2" * 64,
    )
    assert proof.compare(proof.fingerprint(ContainerDetail.parse(old), image()), after(new)) == []


def test_volumes_may_come_from_another_container_with_the_same_rights() -> None:
    old, new = container(), replaced()
    old["HostConfig"]["VolumesFrom"], new["HostConfig"]["VolumesFrom"] = ["1" * 64], ["2" * 64 + ":rw"]
    before = proof.fingerprint(ContainerDetail.parse(old), image())
    assert proof.compare(before, after(new)) == []
    new["HostConfig"]["VolumesFrom"] = ["2" * 64 + ":ro"]
    assert [one.setting for one in proof.compare(before, after(new))] == ["host.VolumesFrom"]


def test_a_volume_that_the_image_of_another_container_declares_may_be_new() -> None:
    old, new = container(), replaced()
    for document in (old, new):
        document["HostConfig"]["VolumesFrom"] = ["1" * 64]
    mount = {"Type": "volume", "Source": "/engine", "Destination": "/more", "RW": True}
    before = proof.fingerprint(ContainerDetail.parse(old), image())
    new["Mounts"].append({**mount, "Name": "a" * 64})
    assert proof.compare(before, after(new)) == []
    new["Mounts"][-1]["Name"] = "blog_more"
    assert [one.setting for one in proof.compare(before, after(new))] == ["mount./more"]


def test_a_setting_of_the_compose_file_may_equal_the_old_images_default() -> None:
    document = replaced()
    document["Config"]["Cmd"] = ["serve"]
    document["Config"]["Env"] = ["TOKEN=s3cret", "PATH=/bin:/opt", "VERSION=1"]
    document["Config"]["Labels"]["org.opencontainers.image.version"] = "1"
    assert differences(document) == []


def test_an_alias_that_looks_like_the_start_of_an_id_counts() -> None:
    """The alias `db` is two hexadecimal digits."""
    old, new = container(), replaced()
    for document in (old, new):
        document["Config"]["Hostname"] = "db"
        document["NetworkSettings"]["Networks"]["inner"]["Aliases"] = ["db"]
    new["Id"] = "db" + "0" * 62
    new["NetworkSettings"]["Networks"]["blog_default"]["Aliases"] = ["web", new["Id"][:12]]
    assert proof.compare(proof.fingerprint(ContainerDetail.parse(old), image()), after(new)) == []


def test_the_order_of_host_settings_does_not_matter() -> None:
    old, new = container(), replaced()
    old["HostConfig"]["ExtraHosts"] = ["a:10.0.0.1", "b:10.0.0.2"]
    new["HostConfig"]["ExtraHosts"] = ["b:10.0.0.2", "a:10.0.0.1"]
    assert proof.compare(proof.fingerprint(ContainerDetail.parse(old), image()), after(new)) == []


def test_a_volume_that_only_the_new_image_declares_is_no_difference() -> None:
    document = replaced()
    document["Mounts"].append(
        {"Type": "volume", "Name": "e" * 64, "Source": "/v/e", "Destination": "/new", "RW": True}
    )
    wanting = image(
        NEW_IMAGE, Cmd=["serve", "--fast"], Env=["PATH=/bin:/opt", "VERSION=2"], Volumes={"/new": {}}
    )
    document["Config"]["Labels"]["org.opencontainers.image.version"] = "1"
    after = proof.fingerprint(ContainerDetail.parse(document), wanting)
    assert proof.compare(before(), after) == []


def with_volumes_of(document: Document, owner: str, *mounted: str) -> proof.Fingerprint:
    document["HostConfig"]["VolumesFrom"] = [f"{owner}:ro"]
    document["Mounts"] += [
        {"Type": "volume", "Name": "e" * 64, "Source": "/v/e", "Destination": path, "RW": False}
        for path in mounted
    ]
    return proof.fingerprint(ContainerDetail.parse(document), image())


def test_volumes_from_a_new_container_may_be_more_than_before() -> None:
    old = with_volumes_of(container(), "1" * 64, "/rows")
    assert proof.compare(old, with_volumes_of(container(), "2" * 64, "/rows", "/more")) == []


def test_losing_the_volumes_of_another_container_is_a_difference() -> None:
    [lost] = proof.compare(with_volumes_of(container(), "1" * 64), before())
    assert lost.setting == "host.VolumesFrom"


def test_a_default_of_the_old_image_that_the_new_one_lacks_is_no_difference() -> None:
    old_image = image(Env=["PATH=/bin", "VERSION=1", "GONE=1"])
    old = container()
    old["Config"]["Env"].append("GONE=1")
    assert proof.compare(proof.fingerprint(ContainerDetail.parse(old), old_image), after(replaced())) == []
