"""The front door: the one process that windows talk to. It ends TLS, holds the streams of the mode, serves the files
beside the pages, and passes everything else on to the window server on this machine. It knows only `domain`.
"""
