"""The stories of the package, a file each: plain functions over a unit of work. None calls another."""
