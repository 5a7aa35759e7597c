"""From scores to a probability map, and from the map to files that people and tools open."""
