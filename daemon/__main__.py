"""`python -m daemon` is `qiaod`."""

from daemon.cli.main import main

if __name__ == "__main__":
    main()
