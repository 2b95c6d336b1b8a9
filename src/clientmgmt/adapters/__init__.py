"""Technologies: each module or folder is one, and none knows another."""
