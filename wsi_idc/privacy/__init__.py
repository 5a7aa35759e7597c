"""What outputs may tell of a slide and whose it is; docs/privacy.md says it to users.

- `properties`: the allow-list of what is taken over from a file's own words.
- `pseudonyms`: keyed hashes that stand for the names of slides and patients.
- `veil`: takes folders, and names that stand hashed, out of texts that are kept.
"""

from wsi_idc.privacy.properties import allowed_properties, known_profile, reason_of
from wsi_idc.privacy.pseudonyms import Pseudonyms, is_pseudonym
from wsi_idc.privacy.veil import Veil, veiled_words

__all__ = [
    "Pseudonyms",
    "Veil",
    "allowed_properties",
    "is_pseudonym",
    "known_profile",
    "reason_of",
    "veiled_words",
]
