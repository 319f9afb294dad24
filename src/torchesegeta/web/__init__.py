"""The web interface's server. It computes nothing: it plans and runs as the command line does, and reads run folders.

Heavy parts are imported by `serve`; this package itself costs nothing.
"""
