"""How long a line waits for what: its port, its modem, its network, its store. Budgets of recovery belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modemgw.at import timing as dialogue
from modemgw.at.policy import Waits
from modemgw.line.ladder import BUDGETS, Rung


@dataclass(frozen=True, slots=True)
class Timing:
    """The spans of a line, in seconds. Those of its dialogue, and of a refused part, apart."""

    dialogue: dialogue.Timing = field(default_factory=dialogue.Timing)
    waits: Waits = field(default_factory=Waits)

    # -- the port
    missing_s: float = 0.25  # how soon a missing port is looked for again; a look is one stat(2)
    locate_s: float = 0.5  # how soon a modem that is known by its IMEI is
    locate_later_s: float = 2.0  # the same after many looks
    missing_told_s: float = 1.0  # so seldom where the system tells of ports that come
    locate_told_s: float = 5.0
    follow_s: float = 5.0  # a modem whose port is missing is looked for elsewhere so often, where nobody tells
    network_port_s: float = 1.0  # how soon a port on the network that nothing answers at is tried again
    network_port_later_s: float = 5.0
    trouble_s: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)  # between tries at a port that is of no use
    discovery_s: float = 3.0  # how often the machine is looked over for modems; no port is opened that was asked before
    discovery_told_s: float = 15.0  # the same where the system tells of ports that come
    silent_s: tuple[float, ...] = (2.0, 5.0, 10.0, 30.0, 60.0)  # a port that did not answer is asked again after these
    fresh_s: float = 45.0  # so long after it was plugged in a port that does not answer is starting
    fresh_pause_s: float = 1.0  # and asked again after this
    asking_s: float = 6.0  # all questions to one port together

    # -- the modem
    boot_s: float = 30.0  # so long after it was plugged in, reset or powered a modem without an answer is starting
    patient_pause_s: float = 1.0  # the longest pause between tries at it
    reset_grace_s: float = 5.0  # after a full reset a port that never went is opened again
    sim_s: float = 60.0  # a SIM that needs a person is left alone for so long
    no_sim_s: float = 10.0  # a modem without one is looked at again: it may have been put in
    rebooted_send_s: float = 3.0  # a modem that has started anew says no result, unless it was under way
    stalled_s: float = 120.0  # two questions about messages without an answer within this need more than a resync
    outcome_s: float = 5.0  # the outcome of a send takes so long to be kept once its port was closed
    well_s: float = 300.0  # a line that was well for so long starts from the lowest rung again
    quarantine_s: tuple[float, float] = (120.0, 3600.0)  # the first stay, which doubles each time, and the longest
    budgets: Mapping[Rung, int] = field(default_factory=lambda: dict(BUDGETS))  # climbs an hour

    # -- the network
    registration_s: float = 10.0  # asked again while there is none; a +CREG that comes by itself is quicker
    registration_soon_s: float = 2.0  # at first: after a start it is found within seconds, and not all tell it
    registration_soon_for_s: float = 30.0
    network_pauses_s: tuple[float, ...] = (0.0, 5.0, 15.0, 30.0, 60.0, 120.0)  # it refuses one recipient after another

    # -- what comes in
    unproved_sweep_s: float = 30.0  # between looks until something was announced: it may be told at another port
    untold_sweep_s: float = 10.0  # the same of a modem that cannot be made to tell
    acknowledge_again_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)  # then it is set up anew: some give up after 15 s
    let_go_s: float = 5.0  # how often a modem is asked whether it waits for an acknowledgement of what was lost
    store_retry_s: float = 2.0  # while the store cannot be written
    canary_poll_s: float = 1.0  # how often it is looked whether the canary is out, and in
    canary_swept_s: float = 5.0  # after the sweep that looks for one that was not announced

    # -- calls and USSD
    call_silence_s: float = 13.0  # a call that has not rung for so long is over: networks ring every 5 s, some every 6
    call_number_s: float = 7.0  # the number comes with a ring; with some modems only with the second, or later
    call_before_reject_s: float = 0.7  # a call that is to be refused is asked its number for so long
    call_release_s: float = 1.6  # the network releases a call that was hung up within so long
    ussd_idle_s: float = 120.0  # a menu that nobody answers is ended; networks do it after 60 to 600 s
    ussd_grace_s: float = 1.5  # a bare "terminated" may be of a dialogue before ours: the answer follows it, or nothing
