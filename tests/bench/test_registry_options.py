import argparse

import pytest
from bench.registry_options import (
    Auth,
    Behaviour,
    ExcessScopes,
    Stock,
    add_flags,
    arguments,
    read_flags,
)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(),
        Behaviour(
            page=25,
            latency=12.5,
            jitter=0.0,
            auth=Auth.BASIC,
            expires_in=11,
            max_scopes=20,
            excess_scopes=ExcessScopes.DROP,
            get_quota=0,
            rate=50,
            fail_rate=0.1,
        ),
    ],
)
def test_flags_parse_to_the_options_they_were_made_from(behaviour: Behaviour) -> None:
    stock = Stock("other", images=3, tags=20)
    parser = argparse.ArgumentParser()
    add_flags(parser, Stock())
    add_flags(parser, Behaviour())

    parsed = parser.parse_args([*arguments(stock), *arguments(behaviour)])

    assert read_flags(parsed, Stock) == stock
    assert read_flags(parsed, Behaviour) == behaviour
