"""The configuration of images, and that their bytes depend only on the arguments."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import parse_config_platform
from dockrev.oci.platform import Platform
from tests.testbed.images import Healthcheck, Image, Images
from tests.testbed.layers import pack

ARM = Platform("linux", "arm", "v7")


@pytest.fixture
def images(tmp_path: Path) -> Images:
    """Images with a script in place of busybox. It only has to list applets, because nothing runs."""
    busybox = tmp_path / "busybox"
    busybox.write_text("#!/bin/sh\nprintf 'busybox\\nsh\\nsleep\\n'\n")
    busybox.chmod(0o755)
    return Images(busybox)


def test_equal_builds_are_equal_and_another_version_is_another_image(images: Images) -> None:
    first, again = images.build("web", version="1.0"), images.build("web", version="1.0")
    other = images.build("web", version="1.1")

    assert first == again
    assert first.image_id != other.image_id
    assert first.layers[0] == other.layers[0]
    assert first.layers[1] != other.layers[1]


def test_the_config_has_the_given_values(images: Images) -> None:
    image = images.build(
        "web",
        version="1.0",
        labels={"colour": "blue"},
        env={"MODE": "fast"},
        command=["/bin/sleep", "9"],
        healthcheck=Healthcheck("true", interval_seconds=0.5, retries=2),
        volumes=["/content"],
        user="1000",
    )

    config = _config(image)
    assert config["Labels"] == {
        "org.opencontainers.image.title": "web",
        "org.opencontainers.image.version": "1.0",
        "colour": "blue",
    }
    assert config["Env"] == ["PATH=/bin", "MODE=fast"]
    assert config["Cmd"] == ["/bin/sleep", "9"]
    assert config["Healthcheck"]["Test"] == ["CMD-SHELL", "true"]
    assert config["Healthcheck"]["Interval"] == 500_000_000
    assert (config["Volumes"], config["User"]) == ({"/content": {}}, "1000")


def test_an_image_without_version_and_health_check_has_none_in_its_config(images: Images) -> None:
    config = _config(images.build("web"))

    assert config["Labels"] == {"org.opencontainers.image.title": "web"}
    assert "Healthcheck" not in config


def test_the_platform_is_declared_with_its_variant(images: Images) -> None:
    assert parse_config_platform(images.build("web", platform=ARM).config) == ARM


def test_the_digest_of_a_layer_is_that_of_its_content(images: Images) -> None:
    image = images.build("web", files={"/etc/motd": b"hello"})
    diff_ids = json.loads(image.config)["rootfs"]["diff_ids"]

    assert [Digest.of(gzip.decompress(layer.compressed)) for layer in image.layers] == diff_ids
    with tarfile.open(fileobj=io.BytesIO(image.layers[1].compressed)) as archive:
        assert archive.getnames() == ["version", "etc/motd"]
    with tarfile.open(fileobj=io.BytesIO(image.layers[0].compressed)) as archive:
        assert archive.getmember("bin/sleep").linkname == "busybox"


def test_layers_do_not_depend_on_the_time() -> None:
    assert pack({"a": b"1"}).digest == pack({"a": b"1"}).digest
    assert pack({"a": b"1"}).digest != pack({"a": b"2"}).digest


def _config(image: Image) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(image.config)["config"]
    return config
