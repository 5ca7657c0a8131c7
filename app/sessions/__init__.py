"""Sessions of people who signed in to the pages: kept in the database, known to browsers by a random token."""
