"""The only room that speaks to the centre: the port, the SQL files behind it, the drivers, and a fake for tests."""
