"""What `doctor` looks at: machine, packages, data and folders; a line each, with what mends it."""
