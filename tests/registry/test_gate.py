"""The gate lets seven through, one after a complaint, and opens again while nothing is complained of."""

import asyncio

from dockrev.registry.gate import GOOD_ANSWERS, Gate


async def most_inside(gate: Gate, visitors: int) -> int:
    """How many of `visitors` that all want in were inside at once."""
    inside, most = 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with gate:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(visitors):
            group.create_task(visit())
    return most


async def test_no_more_than_its_width_are_inside() -> None:
    assert await most_inside(Gate(7), 30) == 7


async def test_a_complaint_lets_only_one_in_once_those_inside_have_left() -> None:
    gate = Gate(7)
    async with gate, gate, gate:
        gate.narrow()
    await most_inside(gate, 7)

    assert await most_inside(gate, 30) == 1


async def test_good_answers_widen_it_to_its_full_width_and_no_further() -> None:
    gate = Gate(7)
    gate.narrow()
    await most_inside(gate, 10)
    widths = []
    for _ in range(GOOD_ANSWERS * 30):
        gate.went_well()
        widths.append(await most_inside(gate, 30))

    assert widths[0] == 1
    assert widths == sorted(widths)
    assert widths[-1] == 7


async def test_a_second_complaint_narrows_it_again() -> None:
    gate = Gate(3)
    for _ in range(2):
        gate.narrow()
        for _ in range(GOOD_ANSWERS * 3):
            gate.went_well()
    gate.narrow()
    await most_inside(gate, 3)

    assert await most_inside(gate, 9) == 1


async def test_whoever_gives_up_waiting_takes_no_place() -> None:
    gate = Gate(1)
    async with gate:
        waiting = asyncio.ensure_future(most_inside(gate, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert await most_inside(gate, 2) == 1


async def test_in_doubt_one_goes_ahead_and_the_others_see_how_it_fares() -> None:
    gate = Gate(7)
    gate.doubt()
    assert await most_inside(gate, 9) == 1

    gate.went_well()
    assert await most_inside(gate, 9) == 7


async def test_doubt_does_not_widen_what_a_complaint_narrowed() -> None:
    gate = Gate(7)
    gate.narrow()
    gate.doubt()
    gate.went_well()

    assert await most_inside(gate, 9) == 1


async def test_it_says_who_goes_ahead() -> None:
    gate = Gate(2)
    async with gate as in_company:
        gate.narrow()
    async with gate as ahead:
        pass

    assert (in_company, ahead) == (False, True)


async def test_a_complaint_counts_at_once_and_not_only_for_those_inside() -> None:
    gate = Gate(7)
    async with gate:
        gate.narrow()

    assert await most_inside(gate, 9) == 1


async def test_a_turn_that_comes_to_one_who_has_just_given_up_is_passed_on() -> None:
    gate = Gate(1)
    async with gate:
        waiting = asyncio.ensure_future(most_inside(gate, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    waiting.cancel()  # the turn has come, and nobody has taken it yet
    await asyncio.gather(waiting, return_exceptions=True)

    async with asyncio.timeout(1):
        assert await most_inside(gate, 3) == 1
