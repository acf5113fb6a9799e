"""What each subcommand of `ispyb-lens` does: one module each, with `run(args, settings) -> int`."""
