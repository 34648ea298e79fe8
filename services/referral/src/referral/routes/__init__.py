"""The HTTP interface of the referral service. Actions are read off the lifecycles' tables."""

from referral.routes.attention import router as attention
from referral.routes.course import router as course
from referral.routes.facility import router as facility
from referral.routes.intake import router as intake
from referral.routes.journey import router as journey
from referral.routes.referral import router as referral

ROUTERS = (intake, referral, course, attention, journey, facility)
