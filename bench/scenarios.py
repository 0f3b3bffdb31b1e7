"""
The named scenarios. `python -m bench.scenarios S100` keeps a scenario running and prints its environment.
"""

import argparse
import asyncio
import signal

from bench.registry_options import Behaviour
from bench.scenario import LATENCY_MS, Scenario

S100 = Scenario()
S100_SHARED = Scenario(services_per_image=3)
S100_NEWER = Scenario(outdated=35)
S100_MIXED = Scenario(single_platform=10)
S100_QUOTA = Scenario(behaviour=Behaviour(latency=LATENCY_MS, get_quota=10))
S100_RATE = Scenario(behaviour=Behaviour(latency=LATENCY_MS, rate=50))
S100_SLOW_HOST = Scenario(slow_images=10)
S100_DEAD_HOST = Scenario(dead_images=10)
S100_EXPIRY = Scenario(behaviour=Behaviour(latency=LATENCY_MS, expires_in=11))
S100_ODD = Scenario(odd_repositories=True)
S500 = Scenario(images=500, floating=150, behaviour=Behaviour(latency=50.0))
R500 = Scenario(images=500, floating=150, behaviour=Behaviour(latency=LATENCY_MS, max_url=8192))

SCENARIOS = {
    "S100": S100,
    "S100-shared": S100_SHARED,
    "S100-newer": S100_NEWER,
    "S100-mixed": S100_MIXED,
    "S100-quota": S100_QUOTA,
    "S100-rate": S100_RATE,
    "S100-slow-host": S100_SLOW_HOST,
    "S100-dead-host": S100_DEAD_HOST,
    "S100-expiry": S100_EXPIRY,
    "S100-odd": S100_ODD,
    "S500": S500,
    "R500": R500,
}


async def stand(scenario: Scenario) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with scenario.open() as rig:
        for name, value in rig.environment.items():
            print(f"{name}={value}")
        print(f"# the registry's counts: http://{rig.registry_host}/__stats", flush=True)
        await stopped.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep a bench scenario running until interrupted.")
    parser.add_argument("name", choices=list(SCENARIOS))
    asyncio.run(stand(SCENARIOS[parser.parse_args().name]))


if __name__ == "__main__":
    main()
