"""What the portal can speak: one module per contract, and a table of them."""
