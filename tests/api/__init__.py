"""What every command promises to whoever calls it: typed refusals, no trace of them, frozen costs."""
