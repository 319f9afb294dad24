"""One suite over everything: each method of the registry, in 2D and 3D, for classification and segmentation.

`rows` says what each method must yield, `checks` holds one function per property, and `test_planted_faults` shows that
every check can fail. To add a method, add its row.
"""
