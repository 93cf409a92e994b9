"""`python -m app.cli`. Child processes that multiprocessing spawns do not import a `__main__` module again."""

from app.cli.main import main

main()
