"""Runs one scenario against a broker: main.py SCENARIO HOST PORT VERSION, with 3.1, 3.1.1 or 5 as version.

Ends with status 0 if all went as it must, and else says what did not.
"""

import os
import sys

import scenarios
import scenarios5
from peer import Broker

VERSIONS = {"3.1": 3, "3.1.1": 4, "5": 5}


def main():
    name, host, port, version = sys.argv[1:]
    broker = Broker(host, int(port), VERSIONS[version])
    scenario = getattr(scenarios, name, None) or getattr(scenarios5, name)
    scenario(broker)
    # The library's threads are of no interest any more, whatever they wait for.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
