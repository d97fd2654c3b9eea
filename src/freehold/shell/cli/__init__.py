"""The command line: one file for each group of commands, thin over a running node's control API.

    main      the entry point: commands, errors, exit codes
    client    HTTP to the node of a home directory
    output    one JSON object or a table on stdout, everything else on stderr

Nothing heavy is imported before a command needs it, so `freehold --help` answers at once.
"""
