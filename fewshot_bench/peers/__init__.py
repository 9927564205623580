"""Other libraries' data into pools, and episodes into the forms their training loops take."""
