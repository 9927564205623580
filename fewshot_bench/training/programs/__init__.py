"""Programs: functions that compute many tasks from the function of one task, by one of the methods of a plan."""
