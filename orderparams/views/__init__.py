"""What people see of results: tables, a run's story, figures, pages."""
