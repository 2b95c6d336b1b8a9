"""The tests of clientmgmt."""
