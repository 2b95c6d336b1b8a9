"""Tests of the store in SQL databases, besides those that every store must pass."""
