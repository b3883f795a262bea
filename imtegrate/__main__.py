"""`python -m imtegrate`."""

from imtegrate.main import app

if __name__ == "__main__":
    app()
