"""make bench: how fast training and scoring are, and what the objectives learn in equal minutes; see README.md."""
