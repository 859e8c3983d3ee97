"""modemsim: GSM modems made of software, on ptys and TCP ports, with one virtual network."""

from modemsim.engine import SimModem
from modemsim.errors import SimError
from modemsim.network import Network, NetworkConfig, Rule
from modemsim.simulation import Host, Simulation, SimulationConfig
from modemsim.threaded import ThreadedSimulation

__all__ = [
    "Host",
    "Network",
    "NetworkConfig",
    "Rule",
    "SimError",
    "SimModem",
    "Simulation",
    "SimulationConfig",
    "ThreadedSimulation",
]
