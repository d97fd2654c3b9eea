"""`_("...")` and `{% trans %}` of the templates, in the language of whoever reads the page.

In place of Jinja's own functions, because numbers among the values are written as the reader does, and
because a sign for per cent may stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinja2 import Environment, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from freehold.core.texts import Text
from freehold.kernel.web import formats
from freehold.kernel.web.reader import reader

PLACE = re.compile(r"%\((\w+)\)s|%%")


def install(environment: Environment) -> None:
    """Make an environment with Jinja's i18n extension translate."""
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals |= {"gettext": _gettext, "ngettext": _ngettext}


@pass_eval_context
def _gettext(how: EvalContext, text: str, /, **values: object) -> str:
    return _filled(how, reader().texts().gettext(text), values)


@pass_eval_context
def _ngettext(how: EvalContext, one: str, many: str, number: int, /, **values: object) -> str:
    return _filled(how, reader().texts().ngettext(one, many, number), {"num": number, **values})


def _filled(how: EvalContext, template: str, values: Mapping[str, object]) -> str:
    def shown(hit: re.Match[str]) -> str:
        if not hit[1]:
            return "%"
        value = values[hit[1]]
        text = value if isinstance(value, str) and not isinstance(value, Text) else formats.value(value)
        return escape(text) if how.autoescape else str(text)

    text = PLACE.sub(shown, template)
    # the template is the package's own; its values were escaped
    return Markup(text) if how.autoescape else text  # noqa: S704
