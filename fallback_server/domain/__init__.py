"""Pure rules of the house: money, numbers, time, modes, documents, errors. No SQLAlchemy, no Flask, no own clock."""
