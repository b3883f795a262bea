"""The program: settings, command line, and the one place where everything is put together."""

__all__: list[str] = []
