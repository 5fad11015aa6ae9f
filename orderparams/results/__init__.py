"""What comes out of a problem: frozen data that know how to be stored, and their files."""
