"""A generated world: fictional people, places, organisations, works, events, papers and products, and their pages.

read_world(args)      the pages, as a source of a build: `world:seed=7,pages=5000`
statements(args)      every span of every page that says a thing
entities(args)        what the pages are about
truth(args)           what was planted to mislead
places, papers        what a map and an index of papers have of it
RELATIONS             what can be so
"""

from corpus.world.schema import RELATIONS
from corpus.world.source import read_world
from corpus.world.truth import Paper, Place, Planted, entities, papers, places, statements, truth

__all__ = [
    "RELATIONS",
    "Paper",
    "Place",
    "Planted",
    "entities",
    "papers",
    "places",
    "read_world",
    "statements",
    "truth",
]
