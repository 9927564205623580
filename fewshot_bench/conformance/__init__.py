"""What a backbone, an inner optimizer or a learner has to pass: the same tests for the package's own and for yours."""
