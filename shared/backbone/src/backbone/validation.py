"""With which codes a request is refused that does not keep its contract: those of the library that validates.

What is not here is told as `not-valid`, so that a new version of the library gives no code that nobody promised.
"""

from __future__ import annotations

from typing import Final

OTHER: Final = "not-valid"

CODES: Final = {
    "bool_parsing": "It is no truth value.",
    "bool_type": "It is no truth value.",
    "date_from_datetime_inexact": "It is a day with a time of day, where a day is wanted.",
    "date_from_datetime_parsing": "It is no day.",
    "date_parsing": "It is no day.",
    "date_type": "It is no day.",
    "datetime_from_date_parsing": "It is no time.",
    "datetime_parsing": "It is no time.",
    "datetime_type": "It is no time.",
    "enum": "It is none of the values that there are.",
    "extra_forbidden": "It is no field of this: a typing error is not ignored.",
    "finite_number": "It is not finite.",
    "float_type": "It is no number.",
    "greater_than_equal": "It is less than the minimum.",
    "int_parsing": "It is no whole number.",
    "int_parsing_size": "It has too many digits.",
    "int_type": "It is no whole number.",
    "less_than_equal": "It is more than the maximum.",
    "literal_error": "It is none of the values that there are.",
    "missing": "It is needed.",
    "model_type": "It is no object.",
    "string_pattern_mismatch": "It is not written as it must be.",
    "string_too_long": "It is too long.",
    "string_too_short": "It is too short.",
    "string_type": "It is no text.",
    "time_parsing": "It is no time of day.",
    "time_type": "It is no time of day.",
    "timezone_aware": "It is a time without its time zone.",
    "too_long": "It holds too many.",
    "too_short": "It holds too few.",
    "tuple_type": "It is no list.",
    "uuid_parsing": "It is no UUID.",
    "uuid_type": "It is no UUID.",
    "value_error": "It does not go together with the rest, or is not written as it must be.",
    OTHER: "It is not as it must be, in a way that has no code of its own.",
}
"""What each means."""


def code_of(kind: str) -> str:
    """The code of a reason, by what the library calls the kind of error."""
    return kind if kind in CODES else OTHER
