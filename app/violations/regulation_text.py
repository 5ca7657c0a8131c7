"""The words of the sections that `regulation` names, from the Code of Federal Regulations, title 49, part 395.

As they stand since 29 September 2020. A section is given from its beginning, as far as the part that is named.
"""

_PROPERTY_WEEK = (
    "No motor carrier shall permit or require a driver of a property-carrying commercial motor vehicle to drive, nor"
    " shall any driver drive a property-carrying commercial motor vehicle, regardless of the number of motor carriers"
    " using the driver's services, for any period after having been on duty"
)
_PASSENGER = (
    "Except as otherwise provided in § 395.1, no motor carrier shall permit or require any driver used by it to drive a"
    " passenger-carrying commercial motor vehicle, nor shall any such driver drive a passenger-carrying commercial"
    " motor vehicle"
)
_PASSENGER_WEEK = _PROPERTY_WEEK.replace("property-carrying", "passenger-carrying")
_SIXTY = (
    " 60 hours in any period of 7 consecutive days if the employing motor carrier does not operate commercial motor"
    " vehicles every day of the week."
)
_SEVENTY = (
    " 70 hours in any period of 8 consecutive days if the employing motor carrier operates commercial motor vehicles"
    " every day of the week."
)

REGULATION_TEXTS = {
    "49 CFR 395.3(a)(2)": (
        "14-hour period. A driver may not drive after a period of 14 consecutive hours after coming on-duty following"
        " 10 consecutive hours off-duty."
    ),
    "49 CFR 395.3(a)(3)(i)": (
        "Driving time. A driver may drive a total of 11 hours during the period specified in paragraph (a)(2) of this"
        " section."
    ),
    "49 CFR 395.3(a)(3)(ii)": (
        "Interruption of driving time. Except for drivers who qualify for either of the short-haul exceptions in"
        " § 395.1(e)(1) or (2), driving is not permitted if more than 8 hours of driving time have passed without at"
        " least a consecutive 30-minute interruption in driving status. A consecutive 30-minute interruption of driving"
        " status may be satisfied either by off-duty, sleeper berth or on-duty not driving time or by a combination of"
        " off-duty, sleeper berth and on-duty not driving time."
    ),
    "49 CFR 395.3(b)(1)": _PROPERTY_WEEK + _SIXTY,
    "49 CFR 395.3(b)(2)": _PROPERTY_WEEK + _SEVENTY,
    "49 CFR 395.5(a)(1)": _PASSENGER + " more than 10 hours following 8 consecutive hours off duty.",
    "49 CFR 395.5(a)(2)": (
        _PASSENGER + " for any period after having been on duty 15 hours following 8 consecutive hours off duty."
    ),
    "49 CFR 395.5(b)(1)": _PASSENGER_WEEK + _SIXTY.replace("any period of 7", "any 7"),
    "49 CFR 395.5(b)(2)": _PASSENGER_WEEK + _SEVENTY,
}
"""By the cite that `regulation_of` gives."""
