"""The unattended self-test: a drill in a scratch instance made from the newest backup, through the real server.

It touches neither the store in use, but for the row that says what came of it, nor the centre: its instance has none.
"""
