"""The way back: every document of an incident to the centre exactly once, in order, a person where one is needed."""
