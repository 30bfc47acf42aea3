"""Runs the command line as `python -m imgsvc.cli`."""

from imgsvc.cli import main

if __name__ == "__main__":
    main()
