"""How people and programs reach a node: daemon, commands, console, library, backup, doctor."""
