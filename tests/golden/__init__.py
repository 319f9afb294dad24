"""Maps of published reference implementations on tiny networks, as numbers to agree with."""
