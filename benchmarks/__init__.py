"""Side by side with hand-written loops and with Captum, in one process: `make bench`."""
