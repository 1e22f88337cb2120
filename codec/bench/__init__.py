"""How fast the codec runs here, and how fast it could."""
