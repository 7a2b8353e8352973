"""The `yj` command line and the demo: the composition root of the whole."""
