rule report:
    input:
        [],
