"""The workstation agent: follows the standby's mode on a window PC and makes the PC follow.

Runs on window PCs: imports neither Flask nor SQLAlchemy, and of packages only those of `clients.transport`.
"""
