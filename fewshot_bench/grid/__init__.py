"""A grid file becomes cells; a ledger on disk says what is done; an engine does the rest."""
