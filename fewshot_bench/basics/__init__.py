"""What every floor stands on: errors, names, seeds, files. Imports nothing of the rest."""
