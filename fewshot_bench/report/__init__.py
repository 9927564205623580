"""Results on disk become one value (results.py); tables, figures and the page are functions of it."""
