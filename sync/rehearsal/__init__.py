"""The return of a drill, tried against a copy of the centre: the real uploader and account, on a scratch store.

Nothing of it touches the store in use but the row that says what came of it, nor the centre but one question: are you
the database that the copy's address reaches?
"""
