"""Cells without torch: settings, hash and configuration file of a cell, its folder on disk, status and results."""
