"""`yj demo`: a whole outage, from nothing to signed accounts, against a real centre that is really stopped and started.

stage.py holds the processes, cast.py the people, plan.py what the patients come for, windows.py and desks.py the
windows' work through the API, centre.py the centre's own doings, decide.py the persons' decisions, check.py the
independent check, account.py the report, loop.py the order of it all.
"""
