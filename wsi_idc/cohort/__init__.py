"""Many slides: which they are, one after the other, one bad slide costing itself only."""
