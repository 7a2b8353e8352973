"""The mirror: read the centre in one snapshot, normalise, validate, publish whole or not at all, and go back."""
