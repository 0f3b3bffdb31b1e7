import pytest

from dockrev.discovery.labels import watched


@pytest.mark.parametrize("word", ["false", "False", " FALSE ", "0", "no", "n", "off"])
def test_a_plain_no_ends_watching(word: str) -> None:
    assert not watched({"dockrev.watch": word})


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "", "  ", "flase", "nope", "\ufffd" * 1000])
def test_everything_else_is_watched(word: str) -> None:
    assert watched({"dockrev.watch": word})


def test_a_service_without_our_label_is_watched() -> None:
    assert watched({})
    assert watched({"com.example.dockrev.watch": "false"})
