"""How one task's computation becomes that of many: the same numbers, in one of several ways that a plan names."""
