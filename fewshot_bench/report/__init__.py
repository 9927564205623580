"""Results on disk become tables, figures and pages: it reads results and nothing else."""
