"""Areas that people drew on slides: reading their files, and exact areas of what they drew.

- `geojson`, `asap_xml`, `imagescope_xml`: one format each, from parsed text to regions;
- `regions`, `xml_numbers`: what a parser hands on, and the checks that formats share;
- `reading`: which format a file is, safely, whatever its name;
- `annotation_set`, `folding`: valid polygons by class, in level-0 pixels, and what they will cost;
- `areas`: shares of rectangles that an area covers, and areas as masks;
- `placing`: annotations at their place on a slide;
- `roi`: the region that a command is limited to.

Importing this package costs nothing; its modules import shapely.
"""
