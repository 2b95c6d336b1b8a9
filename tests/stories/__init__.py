"""The rules of the contacts page, told as sentences that run."""
