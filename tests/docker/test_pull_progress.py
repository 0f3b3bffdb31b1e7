"""Progress from messages of engines 20.10 (graph drivers) and 28 (containerd)."""

from typing import Any

import pytest

from dockrev.docker.pull_progress import LayerProgress, PullProgress

A, B, C = "0d8bd3f75046", "20333c92a132", "aaaaaaaaaaaa"


def message(status: str, layer: str | None = None, **detail: Any) -> dict[str, Any]:
    return {"status": status, "progressDetail": detail} | ({"id": layer} if layer else {})


def after(*messages: dict[str, Any]) -> PullProgress:
    return history(*messages)[-1]


def history(*messages: dict[str, Any]) -> list[PullProgress]:
    layers = LayerProgress()
    seen = []
    for entry in messages:
        layers.take(entry)
        seen.append(layers.total())
    return seen


def test_a_whole_pull_ends_with_the_bytes_of_all_layers() -> None:
    whole = after(
        {"status": "Pulling from x/web", "id": "127.0.0.1/x/web@sha256:b6"},
        message("Pulling fs layer", A),
        message("Pulling fs layer", B),
        message("Downloading", B, current=3679, total=38651),
        message("Downloading", A, current=32768, total=1098625),
        message("Verifying Checksum", B),
        message("Download complete", B),
        message("Downloading", A, current=1098625, total=1098625),
        message("Download complete", A),
        message("Extracting", A, current=32768, total=1098625),
        message("Pull complete", A),
        message("Extracting", B, current=38651, total=38651),
        message("Pull complete", B),
        {"status": "Digest: sha256:b6"},
        {"status": "Status: Downloaded newer image for x"},
    )

    assert whole == PullProgress(1098625 + 38651, 1098625 + 38651)


def test_bytes_are_counted_while_a_layer_is_fetched() -> None:
    assert after(
        message("Pulling fs layer", A),
        message("Waiting", B),
        message("Downloading", A, current=30, total=100),
    ) == PullProgress(30, 100)


def test_a_layer_that_the_engine_has_counts_no_bytes() -> None:
    assert after(message("Already exists", A), message("Pulling fs layer", B)) == PullProgress(0, 0)


def test_a_download_that_starts_again_does_not_reduce_the_progress() -> None:
    steps = history(
        message("Downloading", A, current=80, total=100),
        message("Retrying in 5 seconds", A),
        message("Downloading", A, current=10, total=100),
        message("Downloading", A, current=90, total=100),
    )

    assert [step.bytes_done for step in steps] == [80, 80, 80, 90]


def test_a_layer_too_small_to_be_reported_counts_when_it_is_extracted() -> None:
    assert after(
        message("Pulling fs layer", A),
        message("Download complete", A),
        message("Extracting", A, current=142, total=142),
    ) == PullProgress(142, 142)


def test_seconds_of_extraction_are_not_counted_as_bytes() -> None:
    assert after(
        message("Downloading", A, current=100, total=100),
        message("Extracting", A, current=3, units="s"),
    ) == PullProgress(100, 100)


def test_the_progress_of_a_layer_never_exceeds_its_size() -> None:
    assert after(message("Downloading", A, current=120, total=100)).bytes_done == 100


def test_a_layer_of_unknown_size_adds_no_progress() -> None:
    assert after(message("Downloading", A, current=120)) == PullProgress(0, 0)


@pytest.mark.parametrize("unknown", [{}, message("Polishing", C), {"status": 7, "id": C}, {"aux": {}}])
def test_unknown_messages_change_nothing(unknown: dict[str, Any]) -> None:
    first, second = history(message("Downloading", A, current=1, total=2), unknown)

    assert first == second
