"""Every method a second time, slower and less complicated, straight from its definition.

Nothing here imports the package; each twin is `reference(score, image, *, layer=None, **parameters)` with the image
(1, C, *spatial), a score that maps it to one number, and the method's own parameters. The answer has no batch axis.
"""
