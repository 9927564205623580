"""Statistics of test accuracies: intervals, paired differences, untrained twins, families of comparable rows."""
