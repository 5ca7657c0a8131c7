"""Names of drivers, made up from common American ones; some with letters beyond ASCII, apostrophes and hyphens.

Owns the words and how an id spells them. Which driver gets which is `fleet.py`'s.
"""

from functools import cache

_FAMILY = """
Abbott Adams Alvarez Anderson Bailey Baker Barnes Bennett Brooks Brown Bryant Butler Campbell Carter Castillo Chavez
Clark Coleman Collins Cooper Cruz Davis Diaz Edwards Evans Fisher Flores Foster Garcia Gibson Gomez Gonzalez Graham
Gray Green Griffin Hall Hamilton Harris Hayes Henderson Hernandez Hill Howard Hughes Jackson James Jenkins Johnson
Jones Kelly Kim King Kowalski Lee Lewis Long Lopez Marshall Martin Martinez McDonald Miller Mitchell Moore Morales
Morgan Morris Murphy Myers Nelson Nguyen Núñez O'Brien Ortiz Owens Parker Patel Patterson Perez Perry Peterson
Phillips Powell Price Ramirez Reed Reyes Reynolds Rivera Roberts Robinson Rogers Ross Russell Sanchez Sanders Scott
Simmons Singh Smith Smith-Reed Stewart Sullivan Taylor Thomas Thompson Torres Tran Turner Walker Wallace Ward
Washington Watson West White Williams Wilson Wood Wright Young Zimmermann
"""

_GIVEN = """
Aaron Alice Andre Angela Anthony Brian Carlos Chad Craig Curtis Darnell David Deborah Diane Donald Earl Edward Elena
Eric Frank Gary George Gloria Harold Hector Irene Isaac Jamal James Janet Jeffrey José Joseph Karen Keith Kenneth
Larry Latoya Linda Luis Maria Mark Melissa Michael Miguel Monica Nathan Nicole Omar Oscar Pamela Patrick Paul Priya
Rachel Ramon Raymond Renee Robert Ronald Rosa Samuel Sandra Scott Sean Sharon Stanley Steven Tamara Terrence Theresa
Thomas Timothy Tyrone Vanessa Victor Vincent Walter Wayne William Yolanda
"""

_ASCII = str.maketrans({"ñ": "n", "ú": "u", "é": "e", "'": None, "-": None})


@cache
def family_names() -> tuple[str, ...]:
    return tuple(_FAMILY.split())


@cache
def given_names() -> tuple[str, ...]:
    return tuple(_GIVEN.split())


def in_ascii(name: str) -> str:
    """The letters of a name without accents and punctuation, as ids are written."""
    return name.translate(_ASCII)
