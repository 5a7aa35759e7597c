"""Maps, scores and regions as files that other tools read, and their way back.

One module a form: `scores` (CSV as WSInfer writes it, Parquet), `ome_tiff` (the map's values),
`regions` (CSV), `geojson` (for QuPath). Every position is computed from the map's placement by one
multiplication, in level-0 pixels, so that none drifts.
"""
