import pytest

from dockrev.discovery.labels import watched


@pytest.mark.parametrize("word", ["false", "False", " FALSE ", "0", "no", "n", "off"])
def test_a_clear_no_switches_watching_off(word: str) -> None:
    assert not watched({"dockrev.watch": word})


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "", "  ", "flase", "nope", "\ufffd" * 1000])
def test_any_other_value_leaves_a_service_watched(word: str) -> None:
    assert watched({"dockrev.watch": word})


def test_a_service_without_the_label_is_watched() -> None:
    assert watched({})
    assert watched({"com.example.dockrev.watch": "false"})
