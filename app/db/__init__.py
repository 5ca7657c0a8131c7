"""Two databases behind one face: statements, scripts, SQLite and PostgreSQL, migrations. No domain words here."""
