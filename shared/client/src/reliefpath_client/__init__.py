"""Reliefpath's APIs for Python programs: a class per service, a method per operation.

`async with Referral(address, token) as referral: shown = await referral.referral_accept(id, body, version=3)`
"""

from reliefpath_client.development import Development
from reliefpath_client.followup import Followup
from reliefpath_client.operations import Operations
from reliefpath_client.paging import every, pages
from reliefpath_client.referral import Referral
from reliefpath_client.scheduling import Scheduling
from reliefpath_client.transport import Client, Reason, Refusal, Unreachable

__all__ = [
    "Referral",
    "Scheduling",
    "Followup",
    "Operations",
    "Development",
    "Client",
    "Refusal",
    "Reason",
    "Unreachable",
    "every",
    "pages",
]
