"""Which documents: Mango selectors, decided in Python and narrowed by SQL, and the order of what was found."""

from replica.selection.collation import sort_key
from replica.selection.narrowing import item_expression
from replica.selection.selector import Selector, compile_selector

__all__ = ["Selector", "compile_selector", "item_expression", "sort_key"]
