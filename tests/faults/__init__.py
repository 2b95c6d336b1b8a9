"""What breaks around the package: connections, servers, disks, processes. And what is left of the data then."""
