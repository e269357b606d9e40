"""The physical world of the simulated treadmill: belt, drive, person, rails, contacts. It imports nothing of what it judges."""

from treadctl_hil.world.clock import STEP_S, WorldEvent
from treadctl_hil.world.contacts import CONTACT_NAMES, Contacts
from treadctl_hil.world.drive import DriveFaults, DrivePlant, OrderKind
from treadctl_hil.world.params import (
    BeltParams,
    ContactParams,
    DriveParams,
    RailParams,
    RunnerParams,
    TrunkParams,
    WorldParams,
    home_machine,
    lab_machine,
    with_table,
)
from treadctl_hil.world.rails import Rails
from treadctl_hil.world.runner import Posture, Runner
from treadctl_hil.world.trunk import Trunk
from treadctl_hil.world.world import World

__all__ = [
    "CONTACT_NAMES", "STEP_S", "BeltParams", "ContactParams", "Contacts", "DriveFaults", "DriveParams", "DrivePlant", "OrderKind", "Posture", "RailParams",
    "Rails", "Runner", "RunnerParams", "Trunk", "TrunkParams", "World", "WorldEvent", "WorldParams", "home_machine", "lab_machine", "with_table",
]
