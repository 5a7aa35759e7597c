"""Areas that people drew on slides: reading their files, and exact areas of what they drew.

- `geojson`, `asap_xml`, `imagescope_xml`: one format each, from parsed text to regions;
- `regions`: what a parser hands on, and the checks that all formats share;
- `reading`: which format a file is, safely, whatever its name;
- `annotation_set`: valid polygons by class, in level-0 pixels;
- `areas`: shares of rectangles that an area covers, and areas as masks.

Importing this package costs nothing; its modules import shapely.
"""
