"""What can only be seen on a GPU: not among the tests that `make test` runs."""
