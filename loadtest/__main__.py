"""``python -m loadtest`` is the ``loadtest`` command."""

from __future__ import annotations

from loadtest.main import main

if __name__ == "__main__":
    main()
