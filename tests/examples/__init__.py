"""The example applications, over HTTP."""
