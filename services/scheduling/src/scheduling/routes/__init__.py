"""The HTTP interface of the scheduling service. Actions are read off the lifecycle's table."""

from scheduling.routes.appointment import router as appointment
from scheduling.routes.directory import router as directory

ROUTERS = (appointment, directory)
