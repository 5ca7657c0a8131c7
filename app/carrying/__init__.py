"""How everything is carried out of a database and into another one, row by row, without a difference."""
