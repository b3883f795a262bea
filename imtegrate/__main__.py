"""`python -m imtegrate`."""

from imtegrate.main import app

if __name__ == "__main__":
    app(prog_name="imtegrate")  # else help and shell completion would speak of `python -m imtegrate`
