"""modemsim: GSM modems made of software, on ptys and TCP ports, with one virtual network."""

from .engine import SimModem
from .errors import SimError
from .network import Network, NetworkConfig, Rule
from .simulation import Host, Simulation, SimulationConfig, ThreadedSimulation

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
