"""Every alert on a fault that is brought about: what fires it, and how long that takes."""
