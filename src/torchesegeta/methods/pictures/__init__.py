"""What methods that optimise pictures are made of: fields, readouts, sizes and layouts; no method lies here."""
