"""Pure normal forms: what is stored of a text, and what of a name, a phone, an address is compared.

``docs/normal_forms.md`` says what each form leaves out, and where its limits are.
"""

from gateway.normal.addresses import address_key
from gateway.normal.digests import digest, digester
from gateway.normal.emails import email_key
from gateway.normal.full_names import split_name
from gateway.normal.junk import Junk, junk_values
from gateway.normal.names import generation, name_key, name_part_key
from gateway.normal.phones import phone_key
from gateway.normal.places import city_key, places_differ, state_key, zip_key
from gateway.normal.shapes import shape
from gateway.normal.text import clean, fold_label, has_lone_surrogate, mask, storable
from gateway.normal.words import fold

__all__ = [
    "Junk",
    "address_key",
    "city_key",
    "clean",
    "digest",
    "digester",
    "email_key",
    "fold",
    "fold_label",
    "generation",
    "has_lone_surrogate",
    "junk_values",
    "mask",
    "name_key",
    "name_part_key",
    "phone_key",
    "places_differ",
    "shape",
    "split_name",
    "state_key",
    "storable",
    "zip_key",
]
