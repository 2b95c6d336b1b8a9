"""Real processes at once: what is promised to one holds for eight."""
