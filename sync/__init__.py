"""The only part that talks to the centre: mirror, upload, reconciliation, and the reference centre to try them on."""
