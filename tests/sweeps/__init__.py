"""The engine: what is shared, what is counted, and which networks it must understand."""
