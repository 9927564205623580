"""What a cell is, and its folder on disk: its settings, hash, configuration file, status and results. No torch."""
