"""Uses in plain words: who did what with what, seen from this node."""

from __future__ import annotations

from markupsafe import Markup

from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.uses import Use
from freehold.kernel.web.words import money, named
from freehold.kernel.words import actions


def sentence(node: Node, use: Use) -> Markup:
    """`Northside Research trained round 3 on Breast Cancer Part 1, paid $0.00`."""
    who = Markup("You") if use.holder == node.account else named(name_of(node, use.holder), 50)
    what = Markup("<b>{}</b>").format(named(thing_name(node, use.asset), 60))
    if use.provider != node.account and use.holder == node.account:
        what += Markup(" of {}").format(named(name_of(node, use.provider), 50))
    return Markup("{} {}, paid {}").format(who, _act(use, what), money(use.units))


def _act(use: Use, what: Markup) -> Markup:
    if use.action == "train" and use.round == 0:
        return Markup("compared the rows of {} with those of others, under noise").format(what)
    if use.action == "train" and use.round is not None:
        return Markup("trained round {} on {}").format(use.round, what)
    before, _, after = done(use.action).partition("{}")
    return Markup("{}{}{}").format(before, what, after)


def done(action: str) -> str:
    """What an action is, with `{}` for the thing; one that no feature says, by its own word."""
    known = actions().get(action)
    return known.done if known else f"used {{}} in a way unknown to this program ({action})"
